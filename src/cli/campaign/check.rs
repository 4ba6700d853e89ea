//! `check`: what the rules and a rendering of everybody found.

use std::sync::Mutex;

use clap::Args;
use serde::Serialize;

use super::super::context::Context;
use super::super::exit::{DONE, FAILED};
use super::super::moment::moment;
use super::super::output::{both_times, grouped};
use super::super::progress::Progress;
use crate::app::App;
use crate::approval::{self, CheckResult, Forecast, RenderFailure};
use crate::clock::instant;
use crate::notice::RuleResult;
use crate::views;

/// Render failures that are shown; `--json` has more.
const FAILURES_SHOWN_MAX: usize = 20;

/// `check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    /// Everybody must have been sent to by then: a day, or a time as for --at
    #[arg(long, value_name = "T")]
    deadline: Option<String>,
}

/// `check --json`
#[derive(Serialize)]
struct Document<'a> {
    ok: bool,
    rules: &'a [RuleResult],
    rendered: i64,
    render_failures: &'a [RenderFailure],
    forecast: &'a Forecast,
}

pub async fn run(args: &CheckArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.writer().await?;
    let zone = app.settings.organization.time_zone;
    let deadline = args.deadline.as_deref().map(|text| moment(text, zone)).transpose()?;
    let (mut result, forecast) = run_check(&app, &args.campaign, context).await?;
    if let Some(at) = deadline {
        let rule = views::deadline(&forecast, at);
        result.ok &= rule.ok;
        result.rules.push(rule);
    }
    if context.output.json {
        let CheckResult { ok, rules, rendered, render_failures, .. } = &result;
        let (ok, rendered) = (*ok, *rendered);
        context.output.json_document(&Document { ok, rules, rendered, render_failures, forecast: &forecast })?;
    } else {
        show(&app, &result, &forecast, context)?;
    }
    Ok(if result.ok { DONE } else { FAILED })
}

/// Makes the check, or takes the one that stands, with a progress bar.
pub(super) async fn run_check(app: &App, campaign: &str, context: &Context) -> anyhow::Result<(CheckResult, Forecast)> {
    let bar = Mutex::new(None);
    let progress = |done: i64, of: i64| {
        // A poisoned lock would mean that showing progress has panicked; the check goes on without.
        let Ok(mut bar) = bar.lock() else { return };
        let total = Some(of.unsigned_abs());
        let bar = bar.get_or_insert_with(|| Progress::new(&context.output, "messages rendered", total, instant()));
        bar.set(done.unsigned_abs());
        bar.tick(instant());
    };
    Ok(approval::check(&app.store, &app.settings, &app.by(), campaign, &progress).await?)
}

fn show(app: &App, result: &CheckResult, forecast: &Forecast, context: &Context) -> anyhow::Result<()> {
    let output = &context.output;
    output.table(&["result", "rule", "language", "what was found"], &rule_rows(result))?;
    for failure in result.render_failures.iter().take(FAILURES_SHOWN_MAX) {
        output.line(&format!("{} cannot be rendered: {}", failure.reference, failure.error))?;
    }
    let (rendered, failed) = (grouped(result.rendered.unsigned_abs()), grouped(result.failed.unsigned_abs()));
    output.line(&format!("{rendered} messages rendered, {failed} could not be rendered"))?;
    if let (Some(rate), Some(end)) = (forecast.rate_per_second, forecast.expected_end_ms) {
        let end = both_times(end, app.settings.organization.time_zone);
        output.line(&format!("at {rate} a second it would end at about {end}"))?;
    }
    Ok(output.line(if result.ok { "ok: it can be submitted and sent" } else { "not ok: mend the errors first" })?)
}

/// A line for each finding; the same finding in several languages is one line.
fn rule_rows(result: &CheckResult) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for rule in &result.rules {
        let verdict = if rule.ok { "ok" } else { rule.severity.as_str() };
        let locale = rule.locale.as_deref().unwrap_or("all");
        let same = rows.iter_mut().find(|row| row[0] == verdict && row[1] == rule.rule && row[3] == rule.detail);
        match same {
            Some(row) => row[2] = format!("{}, {locale}", row[2]),
            None => rows.push(vec![verdict.to_owned(), rule.rule.clone(), locale.to_owned(), rule.detail.clone()]),
        }
    }
    rows
}
