//! One of the letters, as its reader sees it in a mail program that shows plain text.

use anyhow::Context as _;

use super::CAMPAIGN;
use super::story::Story;
use crate::app::sandbox::Sandbox;
use crate::approval::{self, Parts};
use crate::notice::preview_text;

/// The first customer: a name with an apostrophe, which careless templates turn into `&#x27;`.
pub const REFERENCE: &str = "C-0001";
/// Where the letter's own words end and the list of agencies begins: two empty lines behind the signature.
const SIGNATURE: &str = "Customer Care";

/// Shows the letter of [`REFERENCE`] up to its signature.
pub async fn show(story: &mut Story<'_>, sandbox: &Sandbox) -> anyhow::Result<()> {
    let app = &sandbox.app;
    let campaign = app.store.campaign_by_name(CAMPAIGN).await?.context("the campaign is gone")?;
    let Some(row) = app.store.recipient(campaign.id, REFERENCE).await? else { return Ok(()) };
    let parts =
        Parts { reference: &row.reference, email: &row.email, mailbox: &row.mailbox, row: &row.row, key: &row.key };
    let customer = approval::customer(parts)?;
    let approved = approval::load(&app.store, &app.settings, campaign).await?;
    let rendered = approved.notice().render(&customer)?;
    let text = preview_text(&rendered, &customer, approved.organization());
    story.step("Letter", &format!("What {} reads:", customer.name))?;
    if story.output.quiet {
        return Ok(());
    }
    let lines: Vec<&str> = text.lines().collect();
    let end = lines.iter().rposition(|line| line.trim() == SIGNATURE).map_or(lines.len(), |at| at + 2);
    let shown = &lines[..end.min(lines.len())];
    story.edge('┌')?;
    for line in shown {
        story.framed(line)?;
    }
    if shown.len() < lines.len() {
        story.framed("")?;
        story.framed(&format!("[{} more lines: agencies that can help]", lines.len() - shown.len()))?;
    }
    Ok(story.edge('└')?)
}
