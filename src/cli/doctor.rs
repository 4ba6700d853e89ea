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
            "findings": findings.iter().map(|Finding { what, is_ok, words }| {
                json!({"what": what, "ok": is_ok, "detail": words})
            }).collect::<Vec<_>>(),
        }))?;
    } else {
        let rows = findings
            .into_iter()
            .map(|finding| vec![if finding.is_ok { "ok" } else { "wrong" }.to_owned(), finding.what, finding.words]);
        context.output.table(&["result", "what", "found"], &rows.collect::<Vec<_>>())?;
    }
    Ok(if is_well { DONE } else { FAILED })
}
