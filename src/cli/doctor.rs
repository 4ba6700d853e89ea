//! `candor doctor`: is everything as it should be?

use serde_json::json;

use super::context::Context;
use super::exit::{DONE, FAILED};
use crate::app::{Finding, examine};
use crate::config::{LoadOptions, Settings};

/// Runs it.
pub async fn run(context: &Context) -> anyhow::Result<u8> {
    let options = LoadOptions { config: context.config.clone(), environment: context.environment.clone() };
    let settings = Settings::read(options)?;
    context.say_only_to(&settings);
    context.warn_of_unused(&settings);
    let findings = examine(&settings).await;
    let is_well = findings.iter().all(|finding| finding.is_ok);
    if context.output.json {
        context.output.json_document(&json!({
            "ok": is_well,
            "findings": findings.iter().map(|finding| {
                let Finding { what, is_ok, words, publish, .. } = finding;
                json!({"what": what, "ok": is_ok, "state": state(finding), "detail": words, "publish": publish})
            }).collect::<Vec<_>>(),
        }))?;
    } else {
        let rows = findings.into_iter().map(|finding| {
            let publish = finding.publish.as_ref().map(|record| format!("\npublish: {record}")).unwrap_or_default();
            vec![state(&finding).to_owned(), finding.what, finding.words + &publish]
        });
        context.output.table(&["result", "what", "found"], &rows.collect::<Vec<_>>())?;
    }
    Ok(if is_well { DONE } else { FAILED })
}

fn state(finding: &Finding) -> &'static str {
    match finding {
        Finding { is_ok: false, .. } => "wrong",
        Finding { is_unknown: true, .. } => "unknown",
        _ => "ok",
    }
}
