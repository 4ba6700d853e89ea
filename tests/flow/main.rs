//! Sending, from the list to the ledger, judged by the built-in inbox's own record (faults.md).
//!
//! README.md beside this file says which rule was seen to fail when the code was broken on purpose.

mod house;
mod judge;

mod accepted;
mod batches;
mod crashes;
mod doubt;
mod frozen;
mod imports;
mod messages;
mod moves;
mod rates;
mod refusals;
mod relays;
mod reruns;
mod simulation;
mod starts;
