//! One connection to one relay, as a task: opened, used for one message after the other, closed.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::carry::{self, Carried, Order, Turn};
use super::job::Job;
use super::relay::{IDLE_MAX, MESSAGES_MAX, NamedRelay, Relay};
use super::worker::Event;
use crate::config::ReturnPath;
use crate::domain::outcome::SendFailure;
use crate::smtp::Connection;

/// What every line of a worker is told.
pub struct LineOptions {
    /// The envelope sender.
    pub return_path: Option<ReturnPath>,
    /// Ask for success reports too.
    pub dsn_success: bool,
}

/// What a line tells its worker.
pub enum LineEvent {
    /// It is open and idle.
    Open,
    /// It could not be opened; the line is gone.
    Failed(SendFailure),
    /// One message is done. `is_open`: it can take another.
    Done {
        /// The recipient.
        job: Box<Job>,
        /// How it ended.
        carried: Carried,
        /// The line is idle again; otherwise it is gone.
        is_open: bool,
    },
    /// It has been idle for long, or has carried its share: to be let go.
    Idle,
}

enum Carrier {
    Smtp(Box<Connection>),
    Folder(PathBuf),
}

/// Runs one line until its worker lets it go or its connection ends.
pub async fn run(
    id: u64,
    relay: NamedRelay,
    options: Arc<LineOptions>,
    mut orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<Event>,
) {
    let tell = |event| {
        let events = events.clone();
        // A worker that no longer listens has ended, and its claims with it.
        async move { drop(events.send(Event::Line(id, event)).await) }
    };
    let mut carrier = match &relay.relay {
        Relay::Folder(path) => Carrier::Folder(path.clone()),
        Relay::Smtp(server) => match Connection::open(server).await {
            Ok(connection) => Carrier::Smtp(Box::new(connection)),
            Err(error) => return tell(LineEvent::Failed(carry::trouble(&error))).await,
        },
    };
    tell(LineEvent::Open).await;
    let mut asked_to_go = false;
    loop {
        let order = if asked_to_go {
            orders.recv().await
        } else {
            match tokio::time::timeout(IDLE_MAX, orders.recv()).await {
                Ok(order) => order,
                Err(_) => {
                    asked_to_go = true;
                    tell(LineEvent::Idle).await;
                    continue;
                }
            }
        };
        let Some(order) = order else { break };
        let Some((job, carried)) = carry_one(&mut carrier, order, &relay.name, &options).await else { break };
        let is_open = carrier.is_open() && !carrier.is_spent() && !carrier.may_wait_for_data(&carried);
        tell(LineEvent::Done { job, carried, is_open }).await;
        if !is_open {
            break;
        }
        asked_to_go = false;
    }
    // QUIT is said only where no body is owed.
    if carrier.is_open() {
        carrier.close().await;
    } else {
        carrier.abandon();
    }
}

/// `None` if the message's preparation was stopped, which only happens at the end of the worker.
async fn carry_one(
    carrier: &mut Carrier,
    order: Order,
    relay: &str,
    options: &LineOptions,
) -> Option<(Box<Job>, Carried)> {
    let Order { begun_at, leave, gate, prepared } = order;
    let (job, composed) = prepared.await.ok()?;
    let composed = match composed {
        Ok(composed) => composed,
        Err(carried) => return Some((job, carried.with_attempt(leave.await.ok().flatten()))),
    };
    let turn = Turn { job: &job, composed: &composed, begun_at, leave, gate: &gate };
    let carried = match carrier {
        Carrier::Folder(path) => carry::into_folder(path, turn, relay).await,
        Carrier::Smtp(connection) => carry::over_smtp(connection, turn, relay, options.dsn_success).await,
    };
    Some((job, carried))
}

impl Carrier {
    fn is_open(&self) -> bool {
        match self {
            Self::Folder(_) => true,
            Self::Smtp(connection) => connection.is_usable(),
        }
    }

    /// The body was not allowed to leave, and the server may wait for it: a dot would send an empty letter to somebody.
    fn may_wait_for_data(&self, carried: &Carried) -> bool {
        matches!((self, carried), (Self::Smtp(_), Carried::NotTried { trouble: None, .. }))
    }

    /// It has carried as many messages as one connection should.
    fn is_spent(&self) -> bool {
        matches!(self, Self::Smtp(connection) if connection.messages() >= MESSAGES_MAX)
    }

    fn abandon(self) {
        if let Self::Smtp(connection) = self {
            connection.abandon();
        }
    }

    async fn close(self) {
        if let Self::Smtp(connection) = self {
            connection.quit().await;
        }
    }
}
