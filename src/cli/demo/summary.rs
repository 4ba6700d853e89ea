//! What came of it: counts by state, who was not reached and why, and where to look further.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::story::Story;
use super::{CAMPAIGN, counted};
use crate::app::sandbox::{Sandbox, Unreached};
use crate::audience::Imported;
use crate::cli::output::{Bar, Meaning, grouped, program};
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

    /// How many of those in a state have each class; those without one are left out.
    fn classes(&self, state: RecipientState) -> BTreeMap<FailureClass, u64> {
        let mut classes = BTreeMap::new();
        for class in self.not_told.iter().filter(|person| person.state == state).filter_map(|person| person.class) {
            *classes.entry(class).or_default() += 1;
        }
        classes
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
        let people: u64 = self.states.iter().filter(|(state, _)| was_tried(*state)).map(|(_, people)| people).sum();
        let attempts = counted(self.attempts, "attempt", "attempts");
        let again = match self.attempts.saturating_sub(people) {
            0 => String::new(),
            again => format!(": {} of them because the one before had been put off", grouped(again)),
        };
        story.detail(&format!("{told} accepted in {:.1} s, with {attempts}{again}.", self.seconds))?;
        if let Some(twice @ 1..) = self.messages.checked_sub(self.told()) {
            // Both attempts are on record: the first as in doubt.
            let letters = counted(twice, "letter", "letters");
            story.detail(&format!("{letters} sent again, for the inbox went away before its answer came."))?;
        }
        Ok(())
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
        story
            .heading(&format!("Result: {told} of {} told", counted(affected, "affected person", "affected people")))?;
        let mut bars: Vec<Bar> = Vec::new();
        for (state, count) in self.states.iter().filter(|(_, count)| *count > 0) {
            let meaning = Meaning::of(*state);
            let classes = self.classes(*state);
            if classes.is_empty() {
                bars.push(Bar { label: format!("  {state}"), count: *count, meaning });
            }
            bars.extend(classes.into_iter().map(|(class, count)| Bar {
                label: format!("  {state}: {class}"),
                count,
                meaning,
            }));
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
            story.text(&format!("{number}: the row in the list could not be used (step 3)."))?;
            let others = self.imported.counts.rejected.unsigned_abs().saturating_sub(self.rejected_people);
            let others = match others {
                0 => String::new(),
                1 => " (One more rejected row is of somebody whose other row was used.)".to_owned(),
                more => format!(" ({} more rejected rows are of people whose other row was used.)", grouped(more)),
            };
            story.under(&format!("Next: correct the rows and import them again, or a letter by post.{others}"))?;
        }
        Ok(())
    }

    fn show_commands(&self, story: &Story<'_>) -> anyhow::Result<()> {
        story.heading("Look further")?;
        let config = shell_word(&self.folder.join("candor.toml").display().to_string());
        let program = shell_word(&program());
        for command in [
            format!("campaign status {CAMPAIGN}"),
            format!("campaign failures {CAMPAIGN}"),
            format!("campaign recipients {CAMPAIGN}"),
            format!("campaign preview {CAMPAIGN}"),
            format!("audit log --campaign {CAMPAIGN}"),
        ] {
            story.line(&format!("{program} --config {config} {command}"))?;
        }
        let mail = self.folder.join("mail");
        story.text(&format!("Each message that the inbox took is an .eml file in {}", mail.display()))?;
        Ok(())
    }

    fn json(&self) -> Value {
        let recipients: Map<String, Value> =
            self.states.iter().map(|(state, people)| (state.to_string(), json!(people))).collect();
        let failures: BTreeMap<&str, u64> =
            self.classes(RecipientState::Failed).into_iter().map(|(class, people)| (class.as_str(), people)).collect();
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

/// Whether at least one attempt belongs to each recipient in this state.
fn was_tried(state: RecipientState) -> bool {
    !matches!(state, RecipientState::Pending | RecipientState::Suppressed | RecipientState::Cancelled)
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
