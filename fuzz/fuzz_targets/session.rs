//! Any bytes as a server's words: no false acceptance, no panic, no endless loop (README.md beside this folder).
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/session/any_server.rs"]
mod any_server;

fuzz_target!(|data: &[u8]| {
    // The first octet: whether the server closes at its end. Then pieces, each with its length before it.
    let Some((first, mut rest)) = data.split_first() else { return };
    let mut pieces = Vec::new();
    while let Some((length, behind)) = rest.split_first() {
        let (piece, after) = behind.split_at(behind.len().min(usize::from(*length)));
        pieces.push(piece.to_vec());
        rest = after;
    }
    any_server::try_with(pieces, first & 1 == 1);
});
