//! The built-in inbox: a small SMTP server on loopback, for the demo, rehearsals and tests.
//!
//! Decides what a good server does; where a script says otherwise it misbehaves as told. It is a judge, too: it is strict
//! about what is legal on the wire and keeps a record of what it took. Listens on loopback only and delivers to nobody.

mod body;
mod greeting;
mod path;
mod record;
pub mod script;
mod visit;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

pub use record::{Counts, Received};
pub use script::{Action, Moment, Script, Step};

use record::Record;
use visit::Visit;

/// Connections waiting to be taken.
const BACKLOG: u32 = 1_024;
/// Connections at a time; more are closed at once.
const CONNECTIONS_MAX: usize = 1_024;
/// What most submission servers take, about.
const SIZE_MAX_OCTETS: usize = 32 * 1_024 * 1_024;

/// The SMTP extensions that an inbox announces and honours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extensions {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 1870.
    pub size: bool,
    /// The largest message in octets, announced or not.
    pub size_max_octets: usize,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 2034.
    pub enhanced_status_codes: bool,
}

impl Extensions {
    /// A server that has none.
    pub const NONE: Self = Self {
        pipelining: false,
        eight_bit_mime: false,
        size: false,
        size_max_octets: SIZE_MAX_OCTETS,
        smtputf8: false,
        dsn: false,
        enhanced_status_codes: false,
    };

    fn keywords(&self) -> impl Iterator<Item = String> {
        [
            (self.pipelining, "PIPELINING".to_owned()),
            (self.eight_bit_mime, "8BITMIME".to_owned()),
            (self.size, format!("SIZE {}", self.size_max_octets)),
            (self.smtputf8, "SMTPUTF8".to_owned()),
            (self.dsn, "DSN".to_owned()),
            (self.enhanced_status_codes, "ENHANCEDSTATUSCODES".to_owned()),
        ]
        .into_iter()
        .filter_map(|(announced, keyword)| announced.then_some(keyword))
    }

    fn mail_parameters(&self) -> Vec<&'static str> {
        [
            (self.size, "SIZE"),
            (self.eight_bit_mime, "BODY"),
            (self.smtputf8, "SMTPUTF8"),
            (self.dsn, "RET"),
            (self.dsn, "ENVID"),
        ]
        .into_iter()
        .filter_map(|(announced, keyword)| announced.then_some(keyword))
        .collect()
    }

    fn rcpt_parameters(&self) -> &'static [&'static str] {
        if self.dsn { &["NOTIFY", "ORCPT"] } else { &[] }
    }
}

impl Default for Extensions {
    fn default() -> Self {
        Self {
            pipelining: true,
            eight_bit_mime: true,
            size: true,
            smtputf8: true,
            dsn: true,
            enhanced_status_codes: true,
            ..Self::NONE
        }
    }
}

/// Whether and when an inbox speaks TLS.
#[derive(Debug, Clone)]
pub enum InboxTls {
    /// Never.
    None,
    /// Offers STARTTLS.
    StartTls(Arc<ServerConfig>),
    /// From the first byte.
    Implicit(Arc<ServerConfig>),
}

/// What an inbox is like. The default is a good server with all extensions, without TLS and AUTH, that keeps all in
/// memory.
#[derive(Clone)]
pub struct InboxOptions {
    /// What is announced.
    pub extensions: Extensions,
    /// TLS.
    pub tls: InboxTls,
    /// The one user name and password; with them, MAIL before AUTH is refused.
    pub auth: Option<(String, String)>,
    /// Whether [`Inbox::received`] has the messages. Without it only the counts grow.
    pub keep_in_memory: bool,
    /// An existing folder for a file per message, that only its owner can read.
    pub folder: Option<PathBuf>,
    /// The misbehaviour, if any.
    pub script: Option<Arc<dyn Script>>,
    /// Where the times in [`Received`] come from.
    pub now: fn() -> Instant,
}

impl Default for InboxOptions {
    fn default() -> Self {
        Self {
            extensions: Extensions::default(),
            tls: InboxTls::None,
            auth: None,
            keep_in_memory: true,
            folder: None,
            script: None,
            now: Instant::now,
        }
    }
}

impl InboxOptions {
    /// The default with a script.
    pub fn scripted(script: impl Script + 'static) -> Self {
        Self { script: Some(Arc::new(script)), ..Self::default() }
    }
}

/// A running inbox. Dropping it ends it, soon; [`Inbox::stop`] ends it before it returns.
pub struct Inbox {
    address: SocketAddr,
    options: Arc<InboxOptions>,
    record: Arc<Record>,
    counts: watch::Receiver<Counts>,
    running: Mutex<Option<Running>>,
}

struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Inbox {
    /// Listens on 127.0.0.1, on a port that the system chooses.
    ///
    /// # Errors
    /// Where the system gives no port.
    pub async fn start(options: InboxOptions) -> io::Result<Self> {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = listener.local_addr()?;
        let record = Arc::new(Record::new(options.keep_in_memory, options.folder.clone()));
        let counts = record.counts();
        let options = Arc::new(options);
        let running = Mutex::new(Some(run(listener, &options, &record)));
        Ok(Self { address, options, record, counts, running })
    }

    /// Where it listens, or listened.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All messages taken so far, in the order in which they were taken, which is that of the numbers in the replies
    /// (`queued as T000001`); empty where they are not kept in memory.
    pub fn received(&self) -> Vec<Received> {
        self.record.received()
    }

    /// How much came so far.
    pub fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Waits until the counts are as wanted, and gives them.
    pub async fn until(&self, wanted: impl FnMut(&Counts) -> bool) -> Counts {
        let mut counts = self.counts.clone();
        // The sender lives in `self.record`, so it cannot go before this returns.
        counts.wait_for(wanted).await.map_or_else(|_| self.counts(), |counts| *counts)
    }

    /// Waits until that many messages have been taken.
    pub async fn until_taken(&self, messages: u64) {
        self.until(|counts| counts.taken >= messages).await;
    }

    /// Takes the inbox away, or brings it back on the same port with all that it had taken. Away means that all
    /// connections are closed and new ones refused, before this returns.
    ///
    /// # Errors
    /// Where the port is no longer to be had.
    pub async fn set_available(&self, available: bool) -> io::Result<()> {
        let mut running = self.running.lock().await;
        match (available, running.take()) {
            (true, None) => *running = Some(run(listen(self.address)?, &self.options, &self.record)),
            (true, still) => *running = still,
            (false, Some(Running { stop, task })) => {
                let _ = stop.send(());
                // A task that panicked has ended, too.
                let _ = task.await;
            }
            (false, None) => {}
        }
        Ok(())
    }

    /// Closes all connections and the port; gives what was taken.
    pub async fn stop(self) -> Vec<Received> {
        // Taking an inbox away cannot fail.
        let _ = self.set_available(false).await;
        self.received()
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Connections of the time before linger for a minute and would hold the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn run(listener: TcpListener, options: &Arc<InboxOptions>, record: &Arc<Record>) -> Running {
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(accept(listener, Arc::clone(options), Arc::clone(record), stopped));
    Running { stop, task }
}

async fn accept(
    listener: TcpListener,
    options: Arc<InboxOptions>,
    record: Arc<Record>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut visits = JoinSet::new();
    loop {
        let taken = tokio::select! {
            _ = &mut stopped => break,
            taken = listener.accept() => taken,
        };
        while visits.try_join_next().is_some() {}
        // An error here is about one connection that is gone already, or about descriptors that others will give back.
        let Ok((stream, _)) = taken else {
            tokio::task::yield_now().await;
            continue;
        };
        if visits.len() < CONNECTIONS_MAX && stream.set_nodelay(true).is_ok() {
            visits.spawn(Visit::new(Arc::clone(&options), Arc::clone(&record), stream).serve());
        }
    }
    drop(listener);
    visits.shutdown().await;
}
