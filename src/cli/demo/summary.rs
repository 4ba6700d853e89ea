//! What came of it: counts by state, who was not reached and why, and where to look further.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::story::Story;
use super::{CAMPAIGN, counted};
use crate::app::sandbox::{Sandbox, Unreached};
use crate::audience::Imported;
use crate::cli::output::{Bar, Meaning, grouped};
use crate::domain::campaign::CampaignState;
use crate::domain::outcome::FailureClass;
use crate::domain::recipient::RecipientState;

/// Names that are given of those who share a reason.
const NAMES_MAX: usize = 3;

/// The finished campaign.
pub struct Summary {
    folder: PathBuf,
    state: String,
    reason: Option<String>,
    states: Vec<(RecipientState, u64)>,
    not_told: Vec<Unreached>,
    rejected_people: u64,
    attempts: u64,
    messages: u64,
    seconds: f64,
    imported: Imported,
}

impl Summary {
    /// Reads everything from the database, as `campaign status` does.
    pub async fn collect(sandbox: &Sandbox, imported: Imported, seconds: f64) -> anyhow::Result<Self> {
        let store = &sandbox.app.store;
        let campaign = store.campaign_by_name(CAMPAIGN).await?.context("the campaign is gone")?;
        let rows = store.state_counts(campaign.id).await?;
        let people = |state: RecipientState| {
            rows.iter().filter(|row| row.state == state.as_str()).map(|row| row.people.unsigned_abs()).sum()
        };
        Ok(Self {
            folder: sandbox.folder.clone(),
            states: RecipientState::ALL.iter().map(|state| (*state, people(*state))).collect(),
            not_told: sandbox.unreached(campaign.id).await?,
            rejected_people: store.people_rejected(campaign.id).await?.unsigned_abs(),
            attempts: store.attempts_total(campaign.id).await?.unsigned_abs(),
            messages: sandbox.messages(),
            state: campaign.state,
            reason: campaign.reason,
            seconds,
            imported,
        })
    }

    /// Whether everybody is settled.
    pub fn is_finished(&self) -> bool {
        self.state == CampaignState::Finished.as_str()
    }

    /// Affected people who were not told.
    pub fn unreached(&self) -> u64 {
        self.audience() - self.told() + self.rejected_people
    }

    fn audience(&self) -> u64 {
        self.states.iter().map(|(_, people)| people).sum()
    }

    fn told(&self) -> u64 {
        self.states.iter().filter(|(state, _)| state.is_told()).map(|(_, people)| people).sum()
    }

    /// The line under the sending.
    pub fn sent(&self, story: &Story<'_>) -> anyhow::Result<()> {
        let told = counted(self.told(), "letter", "letters");
        let attempts = counted(self.attempts, "attempt", "attempts");
        story.detail(&format!("{told} accepted in {:.1} s and {attempts}; the inbox holds {}.", self.seconds, self.held()))?;
        Ok(())
    }

    fn held(&self) -> String {
        match self.messages.checked_sub(self.told()) {
            Some(0) => "the same".to_owned(),
            // Its answer was lost when the inbox went away, so it was sent again; both attempts are on record.
            Some(more) => format!("{}, {more} of them twice, for its answer to the first was lost", grouped(self.messages)),
            None => grouped(self.messages),
        }
    }

    /// The results, as text or as JSON.
    pub fn show(&self, story: &mut Story<'_>) -> anyhow::Result<()> {
        if !story.is_shown() {
            return Ok(story.output.json_document(&self.json())?);
        }
        self.show_counts(story)?;
        self.show_unreached(story)?;
        self.show_commands(story)?;
        if !self.is_finished() {
            let reason = self.reason.as_deref().unwrap_or("see status");
            story.verdict(Meaning::Bad, &format!("Exit code 1: the campaign is {}: {reason}.", self.state))?;
        } else if self.unreached() == 0 {
            story.verdict(Meaning::Good, "Exit code 0: everybody was reached.")?;
        } else {
            let people = counted(self.unreached(), "person was", "people were");
            story.verdict(Meaning::Open, &format!("Exit code 3: {people} not reached."))?;
        }
        Ok(())
    }

    fn show_counts(&self, story: &Story<'_>) -> anyhow::Result<()> {
        let affected = self.audience() + self.rejected_people;
        let told = grouped(self.told());
        story.heading(&format!("Result: {told} of {} told", counted(affected, "affected person", "affected people")))?;
        let mut bars: Vec<Bar> = Vec::new();
        for (state, count) in self.states.iter().filter(|(_, count)| *count > 0) {
            bars.push(Bar { label: format!("  {state}"), count: *count, meaning: Meaning::of(*state) });
        }
        if self.rejected_people > 0 {
            bars.push(Bar { label: "  not imported".into(), count: self.rejected_people, meaning: Meaning::Bad });
        }
        Ok(story.output.bars(&bars)?)
    }

    fn show_unreached(&self, story: &Story<'_>) -> anyhow::Result<()> {
        if self.unreached() == 0 {
            return Ok(());
        }
        story.heading("Who was not reached, and why")?;
        let mut groups: BTreeMap<(RecipientState, Option<FailureClass>), Vec<&Unreached>> = BTreeMap::new();
        for person in &self.not_told {
            groups.entry((person.state, person.class)).or_default().push(person);
        }
        for ((state, class), people) in groups {
            let (why, next) = words(state, class);
            let reply = people.iter().find_map(|person| person.reply.as_deref());
            let reply = reply.map(|reply| format!(" (\"{reply}\")")).unwrap_or_default();
            let number = counted(people.len() as u64, "person", "people");
            story.text(&format!("{number}: {why}{reply}."))?;
            story.under(&format!("{}. Next: {next}.", names(&people)))?;
        }
        if self.rejected_people > 0 {
            let number = counted(self.rejected_people, "person", "people");
            story.text(&format!("{number}: the row in the list could not be used, see step 3."))?;
            story.under("Next: correct the rows and import them again, or a letter by post.")?;
        }
        Ok(())
    }

    fn show_commands(&self, story: &Story<'_>) -> anyhow::Result<()> {
        story.heading("Look further")?;
        let config = shell_word(&self.folder.join("candor.toml").display().to_string());
        for command in [
            format!("campaign status {CAMPAIGN}"),
            format!("campaign failures {CAMPAIGN}"),
            format!("campaign recipients {CAMPAIGN} --state accepted"),
            format!("campaign preview {CAMPAIGN} --ref C-0003"),
            format!("audit log --campaign {CAMPAIGN}"),
        ] {
            story.line(&format!("candor --config {config} {command}"))?;
        }
        let mail = self.folder.join("mail");
        story.text(&format!("Each message that the inbox took is an .eml file in {}", mail.display()))?;
        Ok(())
    }

    fn json(&self) -> Value {
        let recipients: Map<String, Value> =
            self.states.iter().map(|(state, people)| (state.to_string(), json!(people))).collect();
        let mut failures: BTreeMap<&str, u64> = BTreeMap::new();
        for person in &self.not_told {
            if let (RecipientState::Failed | RecipientState::Bounced, Some(class)) = (person.state, person.class) {
                *failures.entry(class.as_str()).or_default() += 1;
            }
        }
        let counts = &self.imported.counts;
        json!({
            "dir": self.folder,
            "config": self.folder.join("candor.toml"),
            "campaign": CAMPAIGN,
            "state": self.state,
            "reason": self.reason,
            "affected": self.audience() + self.rejected_people,
            "audience": self.audience(),
            "rejected": self.rejected_people,
            "told": self.told(),
            "unreached": self.unreached(),
            "import": {
                "rows": counts.rows,
                "imported": counts.imported,
                "duplicates": counts.duplicates,
                "suppressed": counts.suppressed,
                "rejected": counts.rejected,
            },
            "recipients": recipients,
            "failures": failures,
            "attempts": self.attempts,
            "messages": self.messages,
            "seconds": (self.seconds * 10.0).round() / 10.0,
        })
    }
}

/// Why somebody in this state was not told, and what to do about it.
fn words(state: RecipientState, class: Option<FailureClass>) -> (String, &'static str) {
    use FailureClass::{BadAddress, MailboxDisabled, MailboxFull};
    let (why, next) = match (state, class) {
        (RecipientState::Suppressed, _) => ("on the list of those who must not be mailed", "a letter by post"),
        (RecipientState::InDoubt, _) => ("sent, but the answer was lost", "look into the inbox, or send again"),
        (_, Some(BadAddress)) => ("the mail server knows no such address", "a corrected address, or a letter by post"),
        (_, Some(MailboxDisabled)) => ("the mailbox was closed", "a letter by post"),
        (_, Some(MailboxFull)) => ("the mailbox is full", "send again later, or a letter by post"),
        (_, Some(class)) => return (class.to_string(), "see the server's words, then send again"),
        (state, None) => return (state.to_string(), "send again"),
    };
    (why.to_owned(), next)
}

fn names(people: &[&Unreached]) -> String {
    let named = people.iter().take(NAMES_MAX).map(|person| format!("{} {}", person.reference, person.name));
    let mut text = named.map(|name| name.trim().to_owned()).collect::<Vec<_>>().join(", ");
    if people.len() > NAMES_MAX {
        text += &format!(" and {} more", grouped((people.len() - NAMES_MAX) as u64));
    }
    text
}

/// A path as it can be typed into a shell.
fn shell_word(path: &str) -> String {
    if path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}
