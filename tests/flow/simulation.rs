//! The whole worker in a seeded simulation: the real worker, session and store, on a simulated clock and network, with
//! faults of servers, commits and processes drawn from the seed; judged after each short campaign.
//!
//! A failure names its seed: `TESTS_SEED=n cargo test --test flow simulation` draws the same faults again. What the seed does
//! not hold is in which order the database's own threads answer two questions that are asked at once.

mod network;

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use candor::app::App;
use candor::approval;
use candor::clock::Clock;
use candor::delivery::{Until, WorkerError};
use candor::shutdown::Shutdown;
use candor::store::{Access, CommitFault, Store};
use chrono::{DateTime, Utc};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tempfile::TempDir;
use tokio::time::Instant;

use network::{Net, SimulatedNetwork};

use crate::house::{C, Config, House, people, settings};
use crate::judge::judge;

/// People of each campaign: enough for two turns of every connection.
const PEOPLE: usize = 14;
/// Workers that may die before the one that is left in peace.
const LIVES: usize = 8;
/// Faults of one campaign's servers; then they behave.
const FAULTS_MAX: u32 = 25;
/// Simulated time in which one worker ends or is at fault (I9): far more than all waits together.
const WORKER_AT_MOST: Duration = Duration::from_secs(30 * 24 * 3600);
/// Tasks that are ready get so many turns before the clock moves.
const YIELDS: usize = 20;
/// The clock moves on by at most this: less than a worker's pulse.
const STEP_MAX_MS: u64 = 64;

/// A clock that goes with tokio's paused one.
struct SimulatedClock {
    began_at: DateTime<Utc>,
    began: Instant,
}

impl Clock for SimulatedClock {
    fn now(&self) -> DateTime<Utc> {
        self.began_at + (Instant::now() - self.began)
    }
}

/// What the seed says about a campaign's settings.
fn config(random: &mut StdRng) -> (Config, Option<u32>) {
    let rate = random.random_bool(0.3).then(|| random.random_range(2..30_u32));
    let rate_line = rate.map_or("rate = \"unlimited\"".to_owned(), |rate| format!("rate = \"{rate}/s\""));
    let doubt = ["in_doubt = \"hold\"", "in_doubt = \"resend\"", "in_doubt_resends = 3"][random.random_range(0..3)];
    let delivery =
        format!("{rate_line}\n{doubt}\npause_at_failure_share = 1.0\ngive_up_after = \"10h\"\ngrace = \"2s\"");
    let mut config = Config::none().only_delivery(&delivery);
    let connections = random.random_range(1..5);
    config.relays = format!("[relays.main]\nurl = \"smtp://127.0.0.1:9\"\nconnections = {connections}\n");
    (config, rate)
}

/// An approved campaign in a database that every simulation begins with a copy of.
fn template() -> TempDir {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // The highest rate is frozen: a simulation's own is never above.
        let mut config = Config::none();
        config.relays = "[relays.main]\nurl = \"smtp://127.0.0.1:9\"\n".into();
        let house = House::new(&config).await;
        house.approved(C, &people(PEOPLE)).await;
        let folder = tempfile::tempdir().unwrap();
        let sql = house.sql().await;
        let into = folder.path().join("candor.db").display().to_string();
        sqlx::query("VACUUM INTO ?1").bind(into).execute(&sql).await.unwrap();
        sql.close().await;
        std::fs::copy(house.path("candor.key"), folder.path().join("candor.key")).unwrap();
        folder
    })
}

async fn open(dir: &Path, config: &Config, clock: &Arc<SimulatedClock>, net: &Arc<Net>) -> App {
    let mut app = App::open(settings(dir, config), Access::Write).await.unwrap();
    app.clock = clock.clone();
    app.dial = Some(Arc::new(SimulatedNetwork(net.clone())));
    app
}

/// So much simulated time.
pub async fn passes(time: Duration) {
    drop(tokio::time::timeout(time, std::future::pending::<()>()).await);
}

/// Moves the clock on, in growing steps, whenever nobody has anything to do; it stands still while the database is at work.
async fn move_time(store: &Store) {
    let mut step_ms = 1;
    loop {
        for _ in 0..YIELDS {
            tokio::task::yield_now().await;
        }
        if store.is_busy() {
            step_ms = 1;
            std::thread::yield_now();
        } else {
            tokio::time::advance(Duration::from_millis(step_ms)).await;
            step_ms = (step_ms * 2).min(STEP_MAX_MS);
        }
    }
}

async fn simulate(seed: u64, template: &Path) {
    // While a blocking task lives, tokio's paused clock does not move by itself.
    let (held, hold) = std::sync::mpsc::channel::<()>();
    tokio::task::spawn_blocking(move || hold.recv().is_ok());
    let mut random = StdRng::seed_from_u64(seed);
    let (config, rate) = config(&mut random);
    let dir = Arc::new(tempfile::tempdir().unwrap());
    for name in ["candor.db", "candor.key"] {
        std::fs::copy(template.join(name), dir.path().join(name)).unwrap();
    }
    let clock = Arc::new(SimulatedClock { began_at: Utc::now(), began: Instant::now() });
    let net = Arc::new(Net {
        random: Mutex::new(StdRng::seed_from_u64(seed ^ 0x5eed)),
        faults_left: AtomicU32::new(random.random_range(0..FAULTS_MAX)),
        record: Mutex::default(),
        left_at: Mutex::default(),
    });
    let mut house = House { app: open(dir.path(), &config, &clock, &net).await, dir: dir.clone() };
    house.schedule(C, &house.request()).await.unwrap();
    let lives = random.random_range(0..LIVES);
    for life in 0..=lives {
        let is_last = life == lives;
        drop(house);
        house = House { app: open(dir.path(), &config, &clock, &net).await, dir: dir.clone() };
        if house.state(C).await.0 == "paused" {
            // By a worker, or by an operator whose resume met a failing commit.
            let App { store, settings, .. } = &house.app;
            approval::resume(store, settings, &house.app.by(), C).await.unwrap();
        }
        if !is_last && random.random_bool(0.4) {
            fail_one_commit(&house.app, &mut random);
        }
        tokio::select! {
            () = live(&house, &mut random, is_last) => {}
            () = move_time(&house.app.store) => unreachable!("time does not end"),
        }
    }
    let taken = net.record.lock().unwrap().clone();
    let state = house.state(C).await;
    assert_eq!(state.0, "finished", "{state:?}");
    judge(&house, &taken, PEOPLE).await;
    if let Some(rate) = rate {
        limits_hold(&net.left_at.lock().unwrap(), rate);
    }
    drop(held);
}

fn fail_one_commit(app: &App, random: &mut StdRng) {
    let left = AtomicU32::new(random.random_range(1..30));
    let fault = if random.random_bool(0.5) { CommitFault::NotStored } else { CommitFault::ButStored };
    app.store.fail_commits(Box::new(move || (left.fetch_sub(1, Ordering::SeqCst) == 1).then_some(fault)));
}

/// One worker: left in peace, or killed, stopped or paused at some time.
async fn live(house: &House, random: &mut StdRng, is_last: bool) {
    let worker = match house.app.worker(None, Until::Settled).await {
        Ok(worker) => worker.expect("no other worker lives").0,
        // A commit of the recovery failed: the next worker does it again.
        Err(error) => return assert!(!is_last, "{error}"),
    };
    let shutdown = Shutdown::new();
    let mut task = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { worker.run(&shutdown).await }
    });
    let moment = Duration::from_millis(random.random_range(0..2_500));
    let death = if is_last { WORKER_AT_MOST } else { moment };
    let ended = tokio::time::timeout(death, &mut task).await;
    match (ended, is_last) {
        (Ok(ended), _) => fine(ended.expect("no panic"), is_last),
        (Err(_), true) => panic!("the worker does not end"),
        (Err(_), false) if random.random_bool(0.3) => {
            shutdown.request();
            let ended = tokio::time::timeout(WORKER_AT_MOST, task).await.expect("an end after SIGTERM");
            fine(ended.expect("no panic"), false);
        }
        (Err(_), false) if random.random_bool(0.3) => {
            let App { store, settings, .. } = &house.app;
            // It may have finished, or be paused by a fault of a commit.
            if approval::pause(store, &house.app.by(), C).await.is_ok() {
                passes(Duration::from_secs(1)).await;
                drop(approval::resume(store, settings, &house.app.by(), C).await);
            }
            task.abort();
            drop(task.await);
        }
        (Err(_), false) => {
            task.abort();
            drop(task.await);
        }
    }
}

/// Only a commit that a test made fail may end a worker with an error.
fn fine(ended: Result<(), WorkerError>, is_last: bool) {
    match ended {
        Ok(()) => {}
        Err(WorkerError::Store(_) | WorkerError::Approval(_)) if !is_last => {}
        Err(error) => panic!("{error}"),
    }
}

/// I7, by the times at which the server read the final dots.
fn limits_hold(left_at: &[Instant], rate: u32) {
    let burst = f64::from(rate.clamp(1, 100));
    for (first, from) in left_at.iter().enumerate() {
        for (last, to) in left_at.iter().enumerate().skip(first) {
            let most = f64::from(rate) * (*to - *from).as_secs_f64() + burst;
            let count = (last - first + 1) as f64;
            assert!(count <= most + 1.0, "{count} messages in {:?} at {rate}/s", *to - *from);
        }
    }
}

#[test]
fn whatever_goes_wrong_the_invariants_hold() {
    let template = template();
    let seeds: Vec<u64> = match std::env::var("TESTS_SEED") {
        Ok(seed) => vec![seed.parse().expect("TESTS_SEED is a number")],
        Err(_) if std::env::var_os("TESTS_FULL").is_some() => (0..5_000).collect(),
        Err(_) => (0..60).collect(),
    };
    let next = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::SeqCst) as usize) {
                    let runtime =
                        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
                    let run = || runtime.block_on(simulate(*seed, template.path()));
                    if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
                        eprintln!("the simulation of seed {seed} failed: TESTS_SEED={seed} draws the same faults");
                        std::panic::resume_unwind(panic);
                    }
                }
            });
        }
    });
}
