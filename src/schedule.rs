//! The scheduled worker: a ticker that asks the database what is due, once a second.
//!
//! tokio-cron-scheduler rings one UTC bell; what is due (starts, retries, lists to be read again) is in the database, so
//! a restart forgets nothing, and a bell that rings twice does nothing twice. Time zones are never given to it: it keeps
//! a fixed offset and would be an hour off after the clocks change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::audience::{self, ImportOptions, MapArg, Source};
use crate::clock::Clock;
use crate::delivery::{Event, Worker, WorkerError};
use crate::ledger::entry::{Actor, By};
use crate::shutdown::Shutdown;
use crate::store::{SourceRow, Store, StoreError};

/// Every second.
const BELL: &str = "* * * * * *";

/// Why the scheduled worker ended.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// The ticker.
    #[error("the scheduler could not be started: {0}")]
    Ticker(#[from] JobSchedulerError),
    /// The worker.
    #[error(transparent)]
    Worker(#[from] WorkerError),
}

/// Runs the worker with its ticker until it is told to stop.
///
/// # Errors
/// [`ScheduleError`].
pub async fn run(
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    worker: Worker,
    shutdown: &Shutdown,
) -> Result<(), ScheduleError> {
    let mut scheduler = JobScheduler::new().await?;
    let (ticker, is_reading) = (worker.ticker(), Arc::new(AtomicBool::new(false)));
    let bell = Job::new_async(BELL, move |_, _| {
        let (store, clock) = (store.clone(), clock.clone());
        let (ticker, is_reading) = (ticker.clone(), is_reading.clone());
        Box::pin(async move {
            // A full queue means that the worker is awake.
            drop(ticker.try_send(Event::Tick));
            if is_reading.swap(true, Ordering::SeqCst) {
                return;
            }
            if let Err(error) = read_due_sources(&store, clock.as_ref()).await {
                tracing::error!(%error, "the lists that are due could not be looked up");
            }
            is_reading.store(false, Ordering::SeqCst);
        })
    })?;
    scheduler.add(bell).await?;
    scheduler.start().await?;
    // As a task of its own it shares a thread with the lines that it speaks to.
    let token = shutdown.clone();
    let ended = tokio::spawn(async move { worker.run(&token).await }).await;
    scheduler.shutdown().await?;
    match ended {
        Ok(ended) => Ok(ended?),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Reads every list that is due; one that cannot be read is noted and tried again at its next time.
///
/// # Errors
/// Those of the database.
pub async fn read_due_sources(store: &Arc<Store>, clock: &dyn Clock) -> Result<usize, StoreError> {
    let due = store.sources_due(clock.now_millis()).await?;
    let count = due.len();
    for source in due {
        let error = read_source(store, clock.now_millis(), &source).await.err();
        if let Some(error) = &error {
            tracing::warn!(campaign = source.campaign, error, "a list could not be read again");
        }
        let now = clock.now_millis();
        let mut tx = store.begin().await?;
        tx.source_read(source.campaign_id, now, now + source.every_ms, error.as_deref()).await?;
        tx.commit().await?;
    }
    Ok(count)
}

async fn read_source(store: &Arc<Store>, now: i64, row: &SourceRow) -> Result<(), String> {
    let source = Source::parse(&row.source).map_err(|error| error.to_string())?;
    let maps: Vec<String> = serde_json::from_str(&row.maps).map_err(|error| error.to_string())?;
    let maps = maps.iter().map(|map| map.parse()).collect::<Result<Vec<MapArg>, _>>();
    let options = ImportOptions {
        maps: maps.map_err(|error: audience::AudienceError| error.to_string())?,
        is_source: true,
        ..ImportOptions::default()
    };
    let by = By { actor: Actor::Worker, at: now };
    let imported = audience::import(store, &by, &row.campaign, &source, &options, &|_| {});
    let imported = imported.await.map_err(|error| error.to_string())?;
    if imported.batch.is_some() {
        tracing::info!(campaign = row.campaign, people = imported.counts.imported, "new people wait for approval");
    }
    Ok(())
}
