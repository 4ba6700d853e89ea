//! `preview`: messages as they would leave.

use std::io::Write as _;
use std::process::Command;

use anyhow::Context as _;
use serde::Serialize;

use super::super::context::Context;
use super::super::exit::DONE;
use super::PreviewArgs;
use crate::app::{App, sample};
use crate::approval;
use crate::notice::PreviewFormat;
use crate::views;

/// What shows a file to the one who is signed in, on desktops that follow freedesktop.org.
const OPENER: &str = "xdg-open";

/// `preview --json`, and a line of `preview --difficult --json`.
#[derive(Serialize)]
struct Document<'a> {
    format: &'a str,
    message: String,
}

/// One of `preview --difficult --json`.
#[derive(Serialize)]
struct DifficultDocument {
    #[serde(rename = "ref")]
    reference: String,
    why: &'static str,
    message: String,
}

pub async fn run(args: &PreviewArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.reader().await?;
    if args.difficult {
        return difficult(&app, args, context).await;
    }
    let format = if args.open { PreviewFormat::Html } else { args.format };
    let bytes = message(&app, args, args.reference.as_deref(), format).await?;
    match &args.output {
        Some(path) => {
            sample::create_private(path)?.write_all(&bytes)?;
            context.output.note(&format!("written to {}", path.display()));
            if args.open {
                open(path)?;
            }
        }
        None if args.open => {
            let (mut file, path) = tempfile::Builder::new().prefix("candor-").suffix(".html").tempfile()?.keep()?;
            file.write_all(&bytes)?;
            context.output.note(&format!("written to {}: remove it when you have seen it", path.display()));
            open(&path)?;
        }
        None if context.output.json => {
            let message = String::from_utf8_lossy(&bytes).into_owned();
            context.output.json_document(&Document { format: format.as_str(), message })?;
        }
        None => context.output.bytes(&bytes)?,
    }
    Ok(DONE)
}

/// One after another those that are the likeliest to look wrong.
async fn difficult(app: &App, args: &PreviewArgs, context: &Context) -> anyhow::Result<u8> {
    let output = &context.output;
    let people = views::difficult(&app.store, &args.campaign).await?;
    let mut documents = Vec::new();
    for person in people {
        let bytes = message(app, args, Some(&person.reference), PreviewFormat::Text).await?;
        if output.json {
            let message = String::from_utf8_lossy(&bytes).into_owned();
            documents.push(DifficultDocument { reference: person.reference, why: person.why, message });
            continue;
        }
        output.line(&format!("==== {}: {} ====", person.reference, person.why))?;
        output.bytes(&bytes)?;
        output.line("")?;
    }
    if output.json {
        output.json_document(&documents)?;
    }
    Ok(DONE)
}

async fn message(
    app: &App,
    args: &PreviewArgs,
    reference: Option<&str>,
    format: PreviewFormat,
) -> anyhow::Result<Vec<u8>> {
    let (campaign, locale) = (&args.campaign, args.locale.as_deref());
    Ok(approval::preview(&app.store, &app.settings, campaign, reference, locale, format, app.by().at).await?)
}

fn open(path: &std::path::Path) -> anyhow::Result<()> {
    let status = Command::new(OPENER).arg(path).status();
    let status = status.with_context(|| format!("{OPENER} could not be started: open {} yourself", path.display()))?;
    anyhow::ensure!(status.success(), "{OPENER} could not show it: open {} yourself", path.display());
    Ok(())
}
