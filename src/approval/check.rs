//! The check: every recipient rendered, the rules held against what came out, the result kept by the hash of what is
//! frozen. Nothing is sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::approved::{compile, organization};
use super::moves::{back_to_draft_if_changed, named, refuse, state};
use super::people::{Parts, customer};
use super::{ApprovalError, Content, Forecast, Plan};
use crate::config::Settings;
use crate::crypto::Hash;
use crate::domain::campaign::{BatchState, CampaignState};
use crate::ledger::entry::By;
use crate::ledger::{commitment, tree};
use crate::notice::{
    Customer, Notice, Rendered, RuleResult, RuleSet, Severity, check_recipient, check_rules, recipient_line,
};
use crate::store::{BatchRow, CampaignRow, RecipientRow, Store, Tile, TileKind};

/// Recipients read and rendered at a time: a whole number of tiles, and few enough to fit in some megabytes.
const GROUP: i64 = 4 * Tile::WIDTH;
/// Copies of each locale that the rules look at whole.
const SAMPLES_MAX: usize = 3;
/// Render failures that a result lists; it counts all of them.
const FAILURES_LISTED_MAX: usize = 1_000;

/// Somebody whose message could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderFailure {
    /// The customer's reference.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Why.
    pub error: String,
}

/// What a check found. As kept, it leaves out what depends on the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// No error.
    pub ok: bool,
    /// Each rule, for each locale that it judges.
    pub rules: Vec<RuleResult>,
    /// How many were rendered.
    pub rendered: i64,
    /// The first of those that could not be.
    pub render_failures: Vec<RenderFailure>,
    /// How many could not be.
    pub failed: i64,
}

impl CheckResult {
    /// A notice that cannot be compiled for these lists: a name that does not exist, for one.
    fn of_broken_notice(detail: String) -> Self {
        let rule = RuleResult { rule: "template".into(), severity: Severity::Error, locale: None, ok: false, detail };
        Self { ok: false, rules: vec![rule], rendered: 0, render_failures: Vec::new(), failed: 0 }
    }

    /// Rules of severity error that do not hold, and people whose message could not be rendered.
    pub fn errors(&self) -> usize {
        let rules = self.rules.iter().filter(|rule| !rule.ok && rule.severity == Severity::Error).count();
        rules + usize::try_from(self.failed).unwrap_or(usize::MAX)
    }
}

/// What a submission freezes.
pub(super) struct Frozen {
    pub(super) content: Content,
    pub(super) json: String,
    pub(super) hash: Hash,
}

/// What is checked: the content, the batches, and the hash of both.
struct Subject {
    content: Content,
    batches: Vec<BatchRow>,
    all: Vec<BatchRow>,
    json: String,
    hash: Hash,
}

/// The result of the check of what the campaign would freeze now, if one was made.
///
/// # Errors
/// [`ApprovalError::Settings`] where From or a relay is missing.
pub async fn checked(
    store: &Store,
    settings: &Settings,
    campaign: &CampaignRow,
    at: i64,
) -> Result<Option<CheckResult>, ApprovalError> {
    let subject = subject(store, settings, campaign, at).await?;
    kept(store, campaign, &subject.hash).await
}

/// Checks a campaign; `progress` hears how many were rendered so far. A result that stands is not made again.
///
/// # Errors
/// [`ApprovalError::Notice`] where the notice itself is wrong, [`ApprovalError::Empty`] without recipients.
pub async fn check(
    store: &Store,
    settings: &Settings,
    by: &By,
    name: &str,
    progress: &(dyn Fn(i64, i64) + Sync),
) -> Result<(CheckResult, Forecast), ApprovalError> {
    let campaign = named(store, name).await?;
    match state(&campaign)? {
        CampaignState::Cancelled => return refuse(&campaign, "there is nothing left to check"),
        CampaignState::InReview | CampaignState::Approved | CampaignState::Scheduled => {
            back_to_draft_if_changed(store, settings, by, &campaign).await?;
        }
        _ => {}
    }
    let subject = subject(store, settings, &campaign, by.at).await?;
    let people: i64 = subject.batches.iter().map(|batch| batch.imported + batch.suppressed).sum();
    if people == 0 {
        return Err(ApprovalError::Empty(campaign.name));
    }
    let result = match kept(store, &campaign, &subject.hash).await? {
        Some(result) => result,
        None => make(store, settings, by, &campaign, &subject, people, progress).await?,
    };
    let plan = Plan::from_json(&campaign.settings)?;
    let from = crate::clock::from_epoch_millis(by.at.max(campaign.scheduled_at.unwrap_or(0)));
    let mailed: i64 = subject.batches.iter().map(|batch| batch.imported).sum();
    Ok((result, Forecast::of(settings, &plan, mailed, from)))
}

/// What a submission would freeze, if its check stands and has no error.
pub(super) async fn frozen_for_submit(
    store: &Store,
    settings: &Settings,
    campaign: &CampaignRow,
    at: i64,
) -> Result<Frozen, ApprovalError> {
    let subject = subject(store, settings, campaign, at).await?;
    if subject.batches.is_empty() {
        return Err(ApprovalError::Empty(campaign.name.clone()));
    }
    let unchecked = || ApprovalError::State {
        campaign: campaign.name.clone(),
        state: state(campaign).unwrap_or(CampaignState::Draft),
        advice: "run `candor campaign check` on what it says now, then submit it",
    };
    let result = kept(store, campaign, &subject.hash).await?.ok_or_else(unchecked)?;
    if result.errors() > 0 {
        return Err(ApprovalError::Check { campaign: campaign.name.clone(), errors: result.errors() });
    }
    Ok(Frozen { content: subject.content, json: subject.json, hash: subject.hash })
}

/// Before submission, everything that waits; after it, the batches that have come since, or else what was submitted.
async fn subject(
    store: &Store,
    settings: &Settings,
    campaign: &CampaignRow,
    at: i64,
) -> Result<Subject, ApprovalError> {
    let zone = settings.organization.time_zone;
    let today = crate::clock::from_epoch_millis(at).with_timezone(&zone).date_naive();
    let content = Content::of(campaign, settings, today)?;
    let all = store.batches(campaign.id).await?;
    let in_state = |state: BatchState| all.iter().filter(move |batch| batch.state == state.as_str());
    let mut batches: Vec<BatchRow> = in_state(BatchState::Waiting).cloned().collect();
    if batches.is_empty() {
        batches =
            all.iter().filter(|batch| ["in-review", "approved"].contains(&batch.state.as_str())).cloned().collect();
    }
    let (json, hash) = content.with_people(&batches.iter().collect::<Vec<_>>())?;
    Ok(Subject { content, batches, all, json, hash })
}

async fn kept(store: &Store, campaign: &CampaignRow, hash: &Hash) -> Result<Option<CheckResult>, ApprovalError> {
    let row = store.check(campaign.id, hash).await?;
    Ok(row.and_then(|row| serde_json::from_str(&row.result).ok()))
}

async fn make(
    store: &Store,
    settings: &Settings,
    by: &By,
    campaign: &CampaignRow,
    subject: &Subject,
    people: i64,
    progress: &(dyn Fn(i64, i64) + Sync),
) -> Result<CheckResult, ApprovalError> {
    let organization = organization(settings)?;
    let notice = match compile(campaign, &organization, subject.content.notice_date, &subject.all) {
        Ok(notice) => Arc::new(notice),
        // Nobody's copy can be rendered; this is found anew each time, for a later batch may bring the column.
        Err(ApprovalError::Notice(error)) => return Ok(CheckResult::of_broken_notice(error.to_string())),
        Err(error) => return Err(error),
    };
    let content_hash = subject.content.hash()?;
    let mut found = Found::default();
    let rules = Arc::new(RuleSet::base().clone());
    for batch in &subject.batches {
        let mut root = tree::RootBuilder::default();
        let mut position = 0;
        loop {
            let rows = store.recipients_of_batch(batch.id, position, GROUP).await?;
            if rows.is_empty() {
                break;
            }
            let first_tile = position / Tile::WIDTH;
            position += i64::try_from(rows.len()).unwrap_or(GROUP);
            let rendered = render_group(&notice, &rules, rows).await?;
            let tiles = found.take(rendered, first_tile, &mut root);
            let mut tx = store.begin().await?;
            tx.tiles_keep(batch.id, TileKind::Rendered, &tiles).await?;
            tx.commit().await?;
            progress(found.rendered + found.failed, people);
        }
        let mut tx = store.begin().await?;
        tx.batch_rendered(batch.id, &root.root(), &content_hash).await?;
        tx.commit().await?;
    }
    let mut rules = found.rules(&notice);
    rules.extend(super::sender::rule(settings).await?);
    let mut result = CheckResult {
        ok: true,
        rules,
        rendered: found.rendered,
        render_failures: found.failures,
        failed: found.failed,
    };
    result.ok = result.errors() == 0;
    let json = serde_json::to_string(&result).unwrap_or_default();
    let mut tx = store.begin().await?;
    tx.check_keep(campaign.id, &subject.hash, by.at, &json).await?;
    tx.commit().await?;
    Ok(result)
}

/// What the groups add up to.
#[derive(Default)]
struct Found {
    rendered: i64,
    failures: Vec<RenderFailure>,
    failed: i64,
    /// The first of each locale, whose copies stand for the words that are the same for everybody.
    samples: BTreeMap<String, Vec<(Customer, Rendered)>>,
    /// By rule and locale: how many copies break it, and the reference of the first.
    broken: BTreeMap<(String, String), (u64, String)>,
}

struct One {
    customer: Customer,
    rendered: Result<Rendered, String>,
    /// What the copy is committed to with; zeros where there is none.
    hash: Hash,
    broken: Vec<String>,
}

impl Found {
    fn take(&mut self, group: Vec<One>, first_tile: i64, root: &mut tree::RootBuilder) -> Vec<Tile> {
        let mut tiles = Vec::new();
        for (index, one) in group.into_iter().enumerate() {
            let hash = self.take_one(one);
            root.push(tree::leaf_hash(&hash));
            let tile = first_tile + i64::try_from(index).unwrap_or(0) / Tile::WIDTH;
            match tiles.last_mut() {
                Some(Tile { number, hashes }) if *number == tile => hashes.extend_from_slice(&hash),
                _ => tiles.push(Tile { number: tile, hashes: hash.to_vec() }),
            }
        }
        tiles
    }

    /// Counts one copy; returns its commitment.
    fn take_one(&mut self, one: One) -> Hash {
        let One { customer, rendered, hash, broken } = one;
        match rendered {
            Ok(rendered) => {
                self.rendered += 1;
                for rule in broken {
                    let of =
                        self.broken.entry((rule, rendered.locale.clone())).or_insert((0, customer.reference.clone()));
                    of.0 += 1;
                }
                let samples = self.samples.entry(rendered.locale.clone()).or_default();
                if samples.len() < SAMPLES_MAX {
                    samples.push((customer, rendered));
                }
            }
            Err(error) => {
                self.failed += 1;
                if self.failures.len() < FAILURES_LISTED_MAX {
                    self.failures.push(RenderFailure { reference: customer.reference, error });
                }
            }
        }
        hash
    }

    /// Each rule's result: by the samples, and by every copy for what can differ from person to person.
    fn rules(&self, notice: &Notice) -> Vec<RuleResult> {
        let samples: Vec<(&Customer, &Rendered)> =
            self.samples.values().flatten().map(|(customer, rendered)| (customer, rendered)).collect();
        let mut results = check_rules(notice, &samples);
        for result in &mut results {
            let key = (result.rule.clone(), result.locale.clone().unwrap_or_default());
            if let Some((copies, first)) = self.broken.get(&key) {
                result.ok = false;
                result.detail = format!("{} In {copies} copies, the first of them that of {first}.", result.detail);
            }
        }
        results
    }
}

/// Renders a group on all cores.
async fn render_group(
    notice: &Arc<Notice>,
    rules: &Arc<RuleSet>,
    rows: Vec<RecipientRow>,
) -> Result<Vec<One>, ApprovalError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = rows.len().div_ceil(threads).max(1);
    let mut tasks = Vec::with_capacity(threads);
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let part: Vec<RecipientRow> = rows.by_ref().take(share).collect();
        let (notice, rules) = (notice.clone(), rules.clone());
        let render = move || part.into_iter().map(|row| render_one(&notice, &rules, &row)).collect();
        tasks.push(tokio::task::spawn_blocking(render));
    }
    let mut all = Vec::new();
    for task in tasks {
        let part: Result<Vec<One>, ApprovalError> =
            task.await.map_err(|error| ApprovalError::Settings(format!("rendering stopped: {error}")))?;
        all.append(&mut part?);
    }
    Ok(all)
}

fn render_one(notice: &Notice, rules: &RuleSet, row: &RecipientRow) -> Result<One, ApprovalError> {
    let parts =
        Parts { reference: &row.reference, email: &row.email, mailbox: &row.mailbox, row: &row.row, key: &row.key };
    let customer = customer(parts)?;
    let rendered = notice.render(&customer).map_err(|error| error.to_string());
    let broken = rendered.as_ref().map_or_else(
        |_| Vec::new(),
        |rendered| check_recipient(notice, rules, &customer, rendered).into_iter().map(|found| found.rule).collect(),
    );
    let hash = rendered.as_ref().map_or([0; 32], |rendered| {
        let to = recipient_line(&customer);
        commitment::rendered(&customer.key, rendered.parts_for_commitment(&to))
    });
    Ok(One { customer, rendered, hash, broken })
}
