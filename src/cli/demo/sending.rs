//! The sending: the scheduled worker on one side, the inbox that goes away for a moment on the other, and the progress.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::story::{INDENT, Story};
use super::{CAMPAIGN, DemoArgs};
use crate::app::sandbox::Sandbox;
use crate::cli::output::grouped;
use crate::cli::progress::{Sending, SendingCounts};
use crate::clock::instant;
use crate::delivery::{Report, Until};
use crate::domain::recipient::RecipientState;
use crate::schedule;
use crate::shutdown::Shutdown;

/// How often the counts are read.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// Without a bar: how often a line says how far it is.
const LINE_EVERY: Duration = Duration::from_secs(3);
/// The speed is that of so long.
const SPEED_OVER: Duration = Duration::from_secs(2);

/// Runs the worker until everybody is settled, or somebody wants it to end. Returns how many seconds it took.
pub async fn run(
    args: &DemoArgs,
    story: &mut Story<'_>,
    sandbox: &Sandbox,
    shutdown: &Shutdown,
) -> anyhow::Result<f64> {
    let manners = if sandbox.goes_away() { ", which puts some off, refuses some, and goes away once" } else { "" };
    let rate = sandbox.rate;
    let text =
        format!("Scheduled for now. The worker hands over {rate} a second by SMTP to the built-in inbox{manners}.");
    story.step("Sending", &text)?;
    let (worker, reports) =
        sandbox.app.worker(Some(CAMPAIGN), Until::Settled).await?.context(
            "another worker runs on the sandbox's database: name another folder with --keep, or leave it away",
        )?;
    let started = instant();
    let shows_bar = !args.headless && story.output.stderr_terminal;
    let watch = Watch { story, sandbox, started, speeds: VecDeque::new(), next_line: started + LINE_EVERY };
    tokio::select! {
        ended = schedule::run(sandbox.app.store.clone(), sandbox.app.clock.clone(), worker, shutdown) => ended?,
        never = sandbox.disturb() => match never {},
        error = watch.run(reports, shows_bar) => match error? {},
    }
    Ok((instant() - started).as_secs_f64())
}

struct Watch<'a, 'o> {
    story: &'a Story<'o>,
    sandbox: &'a Sandbox,
    started: Instant,
    /// When so many were accepted, lately.
    speeds: VecDeque<(Instant, u64)>,
    next_line: Instant,
}

impl Watch<'_, '_> {
    async fn run(
        mut self,
        mut reports: mpsc::UnboundedReceiver<Report>,
        shows_bar: bool,
    ) -> anyhow::Result<Infallible> {
        let zone = self.sandbox.app.settings.organization.time_zone;
        let campaign = self.sandbox.app.store.campaign_by_name(CAMPAIGN).await?.context("the campaign is gone")?;
        let mut bar = shows_bar.then(|| Sending::new(self.story.output, zone, self.started));
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                Some(report) = reports.recv() => self.say(&report),
                _ = ticks.tick() => {
                    let now = instant();
                    let counts = self.counts(campaign.id, now).await?;
                    match &mut bar {
                        Some(bar) => bar.show(&counts, now),
                        None => self.line(&counts, now),
                    }
                }
            }
        }
    }

    /// What the worker says, for somebody who hears it for the first time.
    fn say(&self, report: &Report) {
        let seconds = (instant() - self.started).as_secs_f64();
        let text = match report {
            Report::RelayAside { wait, .. } => {
                format!("the inbox is gone, nobody answers there: next try in {} s", wait.as_secs())
            }
            Report::RelayBack { .. } => "the inbox is back: the sending goes on where it stopped".to_owned(),
            Report::Paused { reason, words, .. } => format!("the campaign paused itself: {reason}. {words}"),
            Report::Recovered(_)
            | Report::BackToDraft { .. }
            | Report::Started { .. }
            | Report::Waiting { .. }
            | Report::Finished { .. } => return,
        };
        self.note(seconds, &text);
    }

    /// A line under the step, above the bar.
    fn note(&self, seconds: f64, text: &str) {
        // With --json, stderr stays as quiet as a bar would be.
        if self.story.is_shown() {
            self.story.output.note(&format!("{:INDENT$}- {seconds:.1} s: {text}", ""));
        }
    }

    async fn counts(&mut self, campaign_id: i64, now: Instant) -> anyhow::Result<SendingCounts> {
        let mut counts = SendingCounts {
            audience: 0,
            settled: 0,
            accepted: 0,
            deferred: 0,
            failed: 0,
            per_second: 0.0,
            expected_end: None,
        };
        for row in self.sandbox.app.store.state_counts(campaign_id).await? {
            let state: RecipientState = row.state.parse().map_err(anyhow::Error::msg)?;
            let people = row.people.unsigned_abs();
            counts.audience += people;
            if state.is_settled(row.due > 0) {
                counts.settled += people;
            }
            match state {
                state if state.is_told() => counts.accepted += people,
                RecipientState::Deferred => counts.deferred += people,
                RecipientState::Failed | RecipientState::Bounced | RecipientState::InDoubt => counts.failed += people,
                _ => {}
            }
        }
        counts.per_second = self.speed(counts.accepted, now);
        Ok(counts)
    }

    fn speed(&mut self, accepted: u64, now: Instant) -> f64 {
        self.speeds.push_back((now, accepted));
        while self.speeds.len() > 2 && self.speeds.front().is_some_and(|(at, _)| now - *at > SPEED_OVER) {
            self.speeds.pop_front();
        }
        let Some((from, before)) = self.speeds.front() else { return 0.0 };
        let seconds = (now - *from).as_secs_f64();
        // Counts of people stay far below 2^52.
        if seconds > 0.0 { accepted.saturating_sub(*before) as f64 / seconds } else { 0.0 }
    }

    fn line(&mut self, counts: &SendingCounts, now: Instant) {
        if now < self.next_line {
            return;
        }
        self.next_line = now + LINE_EVERY;
        let seconds = (now - self.started).as_secs_f64();
        let text = format!(
            "{} of {} settled: {} accepted, {} put off, {} failed",
            grouped(counts.settled),
            grouped(counts.audience),
            grouped(counts.accepted),
            grouped(counts.deferred),
            grouped(counts.failed)
        );
        self.note(seconds, &text);
    }
}
