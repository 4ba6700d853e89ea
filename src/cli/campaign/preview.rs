//! `preview`: one message as it would leave.

use std::io::Write as _;

use super::super::context::Context;
use super::super::exit::DONE;
use super::PreviewArgs;
use crate::app::sample;
use crate::approval;

pub async fn run(args: &PreviewArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.reader().await?;
    let wanted = (args.reference.as_deref(), args.locale.as_deref());
    let (reference, locale) = wanted;
    let bytes =
        approval::preview(&app.store, &app.settings, &args.campaign, reference, locale, args.format, app.by().at)
            .await?;
    match &args.output {
        Some(path) => {
            sample::create_private(path)?.write_all(&bytes)?;
            context.output.note(&format!("written to {}", path.display()));
        }
        None if context.output.json => {
            let text = String::from_utf8_lossy(&bytes);
            context.output.json_document(&serde_json::json!({"format": args.format.as_str(), "message": text}))?;
        }
        None => context.output.bytes(&bytes)?,
    }
    Ok(DONE)
}
