//! Chance that can be had again: every random choice of a test comes from one number, which a failure prints.

use std::env;
use std::thread;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Says, when its test fails, how to try the same again.
pub struct Seed {
    number: u64,
    choices: StdRng,
}

impl Seed {
    /// The number in `TESTS_SEED`, else one that no run had before.
    pub fn new() -> Self {
        let given = env::var("TESTS_SEED").ok().map(|text| text.parse().expect("TESTS_SEED is a number"));
        let number = given.unwrap_or_else(|| rand::rng().random());
        Self { number, choices: StdRng::seed_from_u64(number) }
    }

    /// The choices, one after another.
    pub fn choices(&mut self) -> &mut StdRng {
        &mut self.choices
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("TESTS_SEED={} makes the same choices again", self.number);
        }
    }
}
