//! Many cases at a time, each with its own server, folder and process.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Handle, Runtime};

/// Most cases wait for a time limit, not for a processor.
const AT_A_TIME: usize = 6;

/// Runs each case; the servers live on the runtime whose handle a case is given.
///
/// # Panics
/// At the end, with every case that failed, by name.
pub fn try_all<Case: Sync>(cases: &[Case], name: impl Fn(&Case) -> String + Sync, run: impl Fn(&Case, &Handle) + Sync) {
    let runtime = Runtime::new().expect("the system has threads");
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(reason) = catch_unwind(AssertUnwindSafe(|| run(case, runtime.handle()))) {
                        let text = format!("{}: {}", name(case), words(&*reason));
                        failed.lock().expect("nothing panics while it is held").push(text);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("nothing panics while it is held");
    assert!(failed.is_empty(), "{} of {} cases:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

fn words(reason: &(dyn Any + Send)) -> &str {
    let text = reason.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| reason.downcast_ref::<&str>().copied()).unwrap_or("it panicked")
}
