//! What the integration tests share: the built program in a sandbox, real mail servers on free ports, bounded waiting.
//!
//! Decides where a test's files lie and when a missing tool is an error. Never uses a fixed port, the network beyond
//! loopback, or the system's own mail server. A test file takes it in with `pub mod support;`: the `pub` tells the compiler
//! that not every test file uses all of it.

pub mod certificates;
pub mod home;
pub mod house;
pub mod postfix;
pub mod sink;
pub mod tools;
pub mod wait;

pub use home::TempHome;
pub use postfix::{Postfix, PostfixOptions};
pub use sink::SmtpSink;
pub use tools::{require, tool};
pub use wait::wait_for;
