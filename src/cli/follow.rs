//! Watching a campaign: the bar, what the worker says, and the end.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::context::Context;
use super::output::both_times;
use super::progress::{Sending, SendingCounts};
use crate::app::App;
use crate::clock::instant;
use crate::delivery::Report;
use crate::domain::recipient::RecipientState;
use crate::views::{self, Status};

/// How often the counts are read for the bar.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A look at a million rows takes its time: it may take one part in so many.
const LOOK_SHARE: u32 = 30;
/// The speed that is shown is that of the last so many looks.
const SPEEDS_MAX: usize = 10;

/// Shows a campaign until it is dropped.
pub struct Follow<'a> {
    app: &'a App,
    context: &'a Context,
    campaign: &'a str,
    bar: Sending,
    speeds: VecDeque<(Instant, u64)>,
}

impl<'a> Follow<'a> {
    /// Begins to show a campaign.
    pub fn new(app: &'a App, context: &'a Context, campaign: &'a str) -> Self {
        let bar = Sending::new(&context.output, app.settings.organization.time_zone, instant());
        Self { app, context, campaign, bar, speeds: VecDeque::new() }
    }

    /// Shows counts and reports, for as long as it is polled.
    pub async fn worker(mut self, mut reports: mpsc::UnboundedReceiver<Report>) -> anyhow::Result<()> {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                report = reports.recv() => match report {
                    Some(report) => say(self.context, self.app, &report),
                    None => return Ok(()),
                },
                _ = looks.tick() => {
                    let begun = instant();
                    self.look().await?;
                    looks.reset_after(LOOK_EVERY.max((instant() - begun) * LOOK_SHARE));
                }
            }
        }
    }

    /// Shows the counts until `is_over` says so.
    pub async fn until(mut self, is_over: impl Fn(&Status) -> bool) -> anyhow::Result<Status> {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            let status = self.look().await?;
            if is_over(&status) {
                return Ok(status);
            }
        }
    }

    async fn look(&mut self) -> anyhow::Result<Status> {
        let now = self.app.by().at;
        let status = views::status(&self.app.store, &self.app.settings, self.campaign, now).await?;
        let count = |state| status.count(state).unsigned_abs();
        use RecipientState::{Bounced, Deferred, Failed, InDoubt};
        let counts = SendingCounts {
            audience: status.audience.unsigned_abs(),
            settled: (status.audience - status.unsettled).unsigned_abs(),
            accepted: status.told.unsigned_abs(),
            deferred: count(Deferred),
            failed: count(Failed) + count(Bounced) + count(InDoubt),
            per_second: self.speed(status.told.unsigned_abs()),
            expected_end: status.expected_end_ms,
        };
        self.bar.show(&counts, instant());
        Ok(status)
    }

    fn speed(&mut self, told: u64) -> f64 {
        let now = instant();
        self.speeds.push_back((now, told));
        if self.speeds.len() > SPEEDS_MAX {
            self.speeds.pop_front();
        }
        let (since, before) = self.speeds.front().copied().unwrap_or((now, told));
        let seconds = (now - since).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
        let people = told.saturating_sub(before) as f64;
        if seconds > 0.0 { people / seconds } else { 0.0 }
    }
}

/// Says what the worker tells, in plain words.
pub fn say(context: &Context, app: &App, report: &Report) {
    let zone = app.settings.organization.time_zone;
    let text = match report {
        Report::Recovered(found) => format!(
            "an earlier worker ended in the middle: {} people are in doubt, for their message may or may not have been taken",
            found.in_doubt
        ),
        Report::Started { campaign, late_ms } if *late_ms >= 1_000 => {
            format!("{campaign} has started, {} s late: no worker was running at its time", late_ms / 1_000)
        }
        Report::Started { campaign, .. } => format!("{campaign} has started"),
        Report::Waiting { campaign, opens_at } => {
            format!("{campaign} waits for its window, which opens {}", both_times(*opens_at, zone))
        }
        Report::Paused { campaign, reason, words } if words.is_empty() => format!("{campaign} is paused: {reason}"),
        Report::Paused { campaign, reason, words } => format!("{campaign} is paused: {reason}: {words}"),
        Report::BackToDraft { campaign, changed } => {
            format!("{campaign} is back in draft, for this changed since it was approved: {changed}")
        }
        Report::Finished { campaign } => format!("{campaign} has finished: nobody is left to send to"),
        Report::RelayAside { relay, wait, words } => {
            format!("relay {relay} is set aside for {} s: {words}", wait.as_secs().max(1))
        }
        Report::RelayBack { relay } => format!("relay {relay} takes mail again"),
    };
    context.output.note(&text);
}
