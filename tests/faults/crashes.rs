//! A process that is killed hundreds of times, against a server that keeps what it took.
//!
//! Nobody is lost; nobody is accepted without the server's record of that very person; a second copy only after a doubt on
//! record, with `hold` not even then; at most one a connection in doubt after a kill.

use candor::smtp::inbox::{Extensions, Inbox, InboxOptions};
use rand::Rng as _;

use crate::cuts::{Cut, Executioner};
use crate::disk::Disk;
use crate::house::{House, list};
use crate::judge::{C, Said, judge, judge_the_end, look};
use crate::seed::Seed;
use crate::settings::Settings;
use crate::support::tools::full;

/// Kills of one test; there are five.
const KILLS: u32 = 26;
const KILLS_FULL: u32 = 130;
/// People of one campaign: enough for a dozen of deaths before the last is told.
const PEOPLE: usize = 150;

struct Campaign {
    house: House,
    inbox: Inbox,
    executioner: Executioner,
    /// A disk that forgets at each death what was not synced.
    disk: Option<Disk>,
    connections: usize,
    doubts: usize,
}

impl Campaign {
    async fn new(death: Death, pipelining: bool, in_doubt: &str, connections: usize) -> Self {
        let executioner = Executioner::default();
        let extensions = Extensions { pipelining, ..Extensions::default() };
        let options = InboxOptions { extensions, ..InboxOptions::scripted(executioner.clone()) };
        let inbox = Inbox::start(options).await.expect("loopback has a port");
        let settings = Settings::to(&inbox).connections(connections);
        let house = settings.delivery(&format!("in_doubt = \"{in_doubt}\"")).house();
        house.campaign(C, &list(PEOPLE));
        house.line("campaign schedule c --now").ends(0);
        let disk = (death == Death::PowerCut).then(|| Disk::that_forgets(&house));
        Self { house, inbox, executioner, disk, connections, doubts: 0 }
    }

    /// Starts the program anew and kills it there; false where it came to its end before.
    fn dies(&mut self, cut: Cut, by_run: bool) -> bool {
        let line = if by_run { "run" } else { "send c" };
        let Some(disk) = &self.disk else { return self.executioner.lets_run(self.house.start(line), cut) };
        let was_killed = self.executioner.lets_run(disk.start(&self.house, line), cut);
        if was_killed {
            disk.forgets(&self.house);
        }
        was_killed
    }

    /// The judge, when the process is dead and the next one has not started.
    fn is_sound(&mut self, in_doubt: &str) -> Said {
        let (said, taken) = look(&self.house, &self.inbox);
        judge(&said, &taken, PEOPLE);
        let doubts = said.attempts("in-doubt");
        let more = doubts - self.doubts;
        assert!(more <= self.connections, "{more} in doubt after one kill, with {} connections", self.connections);
        self.doubts = doubts;
        if in_doubt == "hold" {
            nobody_has_two(&said, taken.iter().map(|message| message.to[0].as_str()));
        }
        said
    }
}

fn nobody_has_two<'a>(said: &Said, taken: impl Iterator<Item = &'a str>) {
    let mut all: Vec<&str> = taken.collect();
    let messages = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), messages, "a second copy although doubts are held: {}", said.status);
}

/// What a death takes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// kill -9: what was written is there.
    Process,
    /// What was written and not synced is gone.
    PowerCut,
}

async fn killed_again_and_again(death: Death, pipelining: bool, in_doubt: &str) {
    let mut seed = Seed::new();
    let (mut kills, wanted) = (0, if full() { KILLS_FULL } else { KILLS });
    while kills < wanted {
        let connections = seed.choices().random_range(4..=10);
        let mut campaign = Campaign::new(death, pipelining, in_doubt, connections).await;
        loop {
            let (cut, by_run) = (Cut::random(seed.choices()), seed.choices().random_bool(0.3));
            let was_killed = campaign.dies(cut, by_run);
            eprintln!("kill {kills}: {cut:?} by_run {by_run}: {was_killed}");
            kills += u32::from(was_killed);
            let said = campaign.is_sound(in_doubt);
            if said.status["state"] == "finished" || kills >= wanted {
                break;
            }
        }
        let code = campaign.house.line("send c --until-final").code;
        assert!(matches!(code, Some(0 | 3)), "{code:?}");
        campaign.is_sound(in_doubt);
        let said = judge_the_end(&campaign.house, &campaign.inbox.received(), PEOPLE);
        assert_eq!(said.count("accepted") + said.count("in-doubt"), PEOPLE as u64, "{}", said.status);
        campaign.inbox.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_with_pipelining_and_resends_it_loses_nobody_and_sends_twice_only_after_a_doubt() {
    killed_again_and_again(Death::Process, true, "resend").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_without_pipelining_and_with_resends_it_loses_nobody_and_sends_twice_only_after_a_doubt() {
    killed_again_and_again(Death::Process, false, "resend").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_with_pipelining_and_doubts_held_it_never_sends_twice() {
    killed_again_and_again(Death::Process, true, "hold").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_without_pipelining_and_with_doubts_held_it_never_sends_twice() {
    killed_again_and_again(Death::Process, false, "hold").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_that_drops_all_that_was_not_synced_loses_nobody_and_forgets_no_message_that_left() {
    killed_again_and_again(Death::PowerCut, true, "resend").await;
}
