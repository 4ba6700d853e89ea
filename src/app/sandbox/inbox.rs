//! How the sandbox's inbox behaves: by the fate of each address, and with one pause for everybody.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::people::{Fate, Person};
use crate::domain::address::Mailbox;
use crate::smtp::inbox::{Action, Inbox, InboxOptions, Moment, Step};

/// How long the inbox is away: a little less than the first wait for a relay that went away, which is one second here.
const AWAY: Duration = Duration::from_millis(900);

/// Starts the inbox, with a file in `folder` for every message that it takes.
///
/// # Errors
/// Where the system gives no port.
pub async fn start(folder: &Path, people: &[Person]) -> io::Result<Inbox> {
    let fates: HashMap<String, Fate> = people
        .iter()
        .filter(|person| person.fate != Fate::Takes)
        .filter_map(|person| Some((Mailbox::parse(&person.customer.email_address).ok()?.reveal(), person.fate)))
        .collect();
    let script = move |moment: Moment<'_>| {
        let fate = moment.step.mailbox().and_then(|mailbox| fates.get(mailbox)).copied().unwrap_or(Fate::Takes);
        answer(moment.step, fate, moment.seen_before == 0)
    };
    let options = InboxOptions {
        keep_in_memory: false,
        folder: Some(folder.to_owned()),
        script: Some(Arc::new(script)),
        ..InboxOptions::default()
    };
    Inbox::start(options).await
}

fn answer(step: Step<'_>, fate: Fate, is_first: bool) -> Action {
    match (step, fate) {
        (Step::Rcpt { .. }, Fate::Greylists) if is_first => {
            Action::reply("451 4.7.1 greylisted, please try again in a moment")
        }
        (Step::Rcpt { .. }, Fate::Busy) if is_first => Action::reply("450 4.2.0 mailbox busy, try again later"),
        (Step::Rcpt { .. }, Fate::NoSuchUser) => Action::reply("550 5.1.1 no such user here"),
        (Step::Rcpt { .. }, Fate::Closed) => Action::reply("550 5.2.1 this mailbox was closed"),
        (Step::EndOfData { .. }, Fate::Full) => Action::reply("552 5.2.2 this mailbox is full"),
        _ => Action::Default,
    }
}

/// Takes the inbox away for a moment once it has taken so many messages. May be dropped at any time.
///
/// # Errors
/// Where its port is no longer to be had.
pub async fn go_away_once(inbox: &Inbox, after_messages: u64) -> io::Result<()> {
    inbox.until_taken(after_messages).await;
    inbox.set_available(false).await?;
    tokio::time::sleep(AWAY).await;
    inbox.set_available(true).await
}
