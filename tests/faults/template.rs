//! An installation that is ready to send, made once and copied for each case.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::house::{House, list};
use crate::judge::C;
use crate::settings::Settings;

/// People in the copied campaign: one before the trouble, one in it, one behind it.
pub const PEOPLE: usize = 3;

/// A copy with these settings, its campaign approved. What is frozen is the relay's name, not its address.
pub fn approved(settings: &Settings) -> House {
    static MADE: OnceLock<House> = OnceLock::new();
    let template = MADE.get_or_init(|| {
        let house = Settings::to_port(9).house();
        house.campaign(C, &list(PEOPLE));
        for line in ["campaign submit c", "campaign approve c"] {
            house.line(line).ends(0);
        }
        house
    });
    let house = settings.house();
    copy(template.home.path(), house.home.path());
    house.configure(&settings.text());
    house
}

/// Copies what lies in a folder into another.
pub fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-rp").arg(from.join(".")).arg(to).status().expect("cp is there");
    assert!(copied.success());
}
