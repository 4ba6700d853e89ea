//! What holds for the room as a whole.

mod checks;
mod files;
mod hostile;
mod messages;
mod names;
mod whole;
