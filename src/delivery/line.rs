//! One connection to one relay, as a task: opened, used for one message after the other, closed.
//!
//! Decides what leaves in one group: the body of a message and, where the relay takes commands in a row, the envelope of
//! the one after it; while they are on the wire the next is composed. A body leaves only once its begin is committed
//! ([`Word::Leave`]), and never after its campaign's gate was shut: then the connection is closed without the final dot.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::mpsc;

use super::carrier::Carrier;
use super::carry::{self, Carried, Message, NOT_TRIED, Order};
use super::parts::Part;
use super::record::tls_words;
use super::relay::{IDLE_MAX, MESSAGES_MAX, NamedRelay};
use super::talk::{Done, LineEvent, LineOptions, Ready, Turn, Word};
use super::worker::Event;
use crate::clock::instant;
use crate::domain::outcome::{Phase, SendFailure};
use crate::smtp::{Connection, Envelope, EnvelopeAnswer, ErrorKind, SmtpError};

/// One line's state.
pub struct Line {
    /// Its number.
    pub id: u64,
    /// Where it leads.
    pub relay: NamedRelay,
    /// What every line is told.
    pub options: Arc<LineOptions>,
    /// What this one is told.
    pub words: mpsc::Receiver<Word>,
    /// Where it tells what happens.
    pub events: mpsc::Sender<Event>,
}

/// A line with an open connection.
struct Open {
    line: Line,
    tls: Option<String>,
    orders: VecDeque<Order>,
    /// Composed, and not yet on the wire.
    next: Option<Message>,
    leave: Option<(i64, bool)>,
    /// To be told with the next turn.
    done: Vec<Done>,
    trouble: Option<SendFailure>,
    is_own: bool,
    goes_on: bool,
}

/// Runs one line until its worker lets it go or its connection ends.
pub async fn run(line: Line) {
    let mut carrier = match Carrier::open(&line.relay).await {
        Ok(carrier) => carrier,
        Err(error) => {
            let mut open = Open::new(line, None);
            open.trouble = Some(carry::trouble(&error));
            return open.leave_all().await;
        }
    };
    line.tell(LineEvent::Open).await;
    let tls = carrier.tls().map(tls_words);
    let mut open = Open::new(line, tls);
    while open.goes_on {
        let Some(message) = open.first().await else { break };
        match &mut carrier {
            Carrier::Folder(path) => open.file(path, message).await,
            Carrier::Smtp(connection) => open.chain(connection, message).await,
        }
    }
    open.leave_all().await;
    carrier.close().await;
}

impl Line {
    async fn tell(&self, event: LineEvent) {
        // A worker that no longer listens has ended, and its claims with it.
        drop(self.events.send(Event::Line(self.id, event)).await);
    }
}

impl Open {
    fn new(line: Line, tls: Option<String>) -> Self {
        Self {
            line,
            tls,
            orders: VecDeque::new(),
            next: None,
            leave: None,
            done: Vec::new(),
            trouble: None,
            is_own: false,
            goes_on: true,
        }
    }

    /// The message that comes first after a rest; `None` when the worker has let the line go.
    async fn first(&mut self) -> Option<Message> {
        let mut is_idle_said = false;
        loop {
            if !self.done.is_empty() {
                self.turn(None).await;
            }
            self.prepare();
            if let Some(next) = self.next.take() {
                return Some(next);
            }
            if !self.done.is_empty() {
                continue;
            }
            let word = if is_idle_said {
                self.line.words.recv().await
            } else {
                match tokio::time::timeout(IDLE_MAX, self.line.words.recv()).await {
                    Ok(word) => word,
                    Err(_) => {
                        is_idle_said = true;
                        self.line.tell(LineEvent::Idle).await;
                        continue;
                    }
                }
            };
            self.hear(word?);
        }
    }

    fn hear(&mut self, word: Word) {
        match word {
            Word::Order(order) => self.orders.push_back(order),
            Word::Leave { recipient_id, may } => self.leave = Some((recipient_id, may)),
        }
    }

    /// Takes in what the worker has said and composes the next message, if there is one to compose.
    fn prepare(&mut self) {
        while let Ok(word) = self.line.words.try_recv() {
            self.hear(word);
        }
        while self.next.is_none() {
            let Some(order) = self.orders.pop_front() else { return };
            match Message::prepare(order, self.line.options.clock.now_millis(), &self.line.options) {
                Ok(message) => self.next = Some(message),
                Err((job, carried)) => self.done.push(Done { job, carried }),
            }
        }
    }

    async fn turn(&mut self, ready: Option<Ready>) {
        let done = std::mem::take(&mut self.done);
        self.line.tell(LineEvent::Turn(Turn { done, ready })).await;
    }

    /// Waits until a message's begin is committed; false where it may not leave.
    async fn may_leave(&mut self, message: &Message) -> bool {
        let relay = &self.line.relay.name;
        let ready = Ready { campaign_id: message.job.campaign_id, begin: message.begin(relay) };
        self.turn(Some(ready)).await;
        loop {
            self.prepare();
            if let Some((recipient_id, may)) = self.leave.take()
                && recipient_id == message.job.recipient_id
            {
                return may;
            }
            match self.line.words.recv().await {
                Some(word) => self.hear(word),
                None => return false,
            }
        }
    }

    /// Hands over a message, and those that can follow it without a pause.
    async fn chain(&mut self, connection: &mut Connection, first: Message) {
        let envelope = first.envelope(connection.capabilities(), self.line.options.dsn_success);
        let answer = connection.envelope(&envelope).await;
        let mut turn = self.answered(connection, first, &envelope, answer);
        while let Some(message) = turn {
            turn = self.body(connection, message).await;
        }
        self.goes_on &= connection.is_usable() && connection.messages() < MESSAGES_MAX;
    }

    /// Sends a body whose envelope was taken, once it may leave, with the next message's envelope behind it where that can
    /// be; returns the next message if the server waits for its body.
    async fn body(&mut self, connection: &mut Connection, message: Message) -> Option<Message> {
        let may = self.may_leave(&message).await;
        if !may || !message.gate.is_open() {
            // The connection is closed without the final dot: nobody gets an empty letter.
            self.is_own = true;
            self.goes_on = false;
            self.finish(message, Carried::NotTried { had_begun: may, is_stale: !may });
            return None;
        }
        let envelope = self.joining(connection);
        let begun = instant();
        let sent = connection.send_body(&message.composed.body, envelope.as_ref()).await;
        self.line.options.parts.add(Part::Send, begun);
        let next = if envelope.is_some() { self.next.take() } else { None };
        let reply = match sent {
            Ok(()) => {
                self.prepare();
                connection.body_reply().await
            }
            Err(error) => Err(error),
        };
        let record = message.record(&self.line.relay.name, self.tls.as_deref(), true);
        let carried = match &reply {
            Ok(reply) if reply.is_positive() => record.accepted(reply.clone()),
            Ok(reply) => record.refused(Phase::EndOfData, reply.clone()),
            Err(error) if error.end_of_data_sent => record.in_doubt(error),
            Err(error) => record.broken_off(error),
        };
        let (Some(next), Some(envelope)) = (next, envelope) else {
            self.finish(message, carried);
            return self.end_with(reply.err());
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                self.finish(message, carried);
                return self.answered(connection, next, &envelope, Err(error));
            }
        };
        // A reply of several lines may have swallowed the one behind it; then those that follow are out of step.
        let is_certain = !reply.text.contains('\n');
        let mut held = Some((message, carried));
        if is_certain && let Some((message, carried)) = held.take() {
            self.finish(message, carried);
        }
        let answer = self.answer_to_next(connection).await;
        if let Some((message, carried)) = held {
            let carried = match &answer {
                Err(error) if error.kind == ErrorKind::Protocol => {
                    message.record(&self.line.relay.name, self.tls.as_deref(), true).in_doubt(error)
                }
                _ => carried,
            };
            self.finish(message, carried);
        }
        self.answered(connection, next, &envelope, answer)
    }

    /// The answer to an envelope that left behind a body. If it is not there at once, what is done is told first: an
    /// acceptance does not wait for what a slow server says about somebody else.
    async fn answer_to_next(&mut self, connection: &mut Connection) -> Result<EnvelopeAnswer, SmtpError> {
        let mut answer = std::pin::pin!(connection.next_answer());
        if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
            return answer;
        }
        if !self.done.is_empty() {
            self.turn(None).await;
        }
        answer.await
    }

    /// The envelope of the next message, if it may leave behind the body at hand.
    fn joining(&mut self, connection: &Connection) -> Option<Envelope> {
        self.prepare();
        let next = self.next.as_ref().filter(|next| !next.is_alone && next.gate.is_open())?;
        // The one at hand is not counted yet.
        let has_room = connection.messages() + 1 < MESSAGES_MAX;
        let envelope = next.envelope(connection.capabilities(), self.line.options.dsn_success);
        (has_room && connection.can_join(&envelope)).then_some(envelope)
    }

    /// What the answer to an envelope means for its message; gives it back if its body is waited for.
    fn answered(
        &mut self,
        connection: &Connection,
        message: Message,
        envelope: &Envelope,
        answer: Result<EnvelopeAnswer, SmtpError>,
    ) -> Option<Message> {
        match answer {
            Ok(EnvelopeAnswer::Ready) => return Some(message),
            Ok(EnvelopeAnswer::Refused { phase, reply }) => {
                let record = message.record(&self.line.relay.name, self.tls.as_deref(), false);
                let (carried, trouble) = carry::refused(&record, phase, reply);
                self.finish(message, carried);
                if trouble.is_some() {
                    self.goes_on = false;
                    self.trouble = trouble;
                }
            }
            Ok(EnvelopeAnswer::CannotCarry { reason }) => {
                let carried = carry::cannot_carry(connection.capabilities(), envelope, reason);
                self.finish(message, carried);
            }
            Err(error) => {
                self.finish(message, NOT_TRIED);
                return self.end_with(Some(error));
            }
        }
        None
    }

    fn end_with(&mut self, error: Option<SmtpError>) -> Option<Message> {
        if let Some(error) = error {
            self.goes_on = false;
            self.trouble = Some(carry::trouble(&error));
        }
        None
    }

    async fn file(&mut self, path: &std::path::Path, message: Message) {
        let may = self.may_leave(&message).await;
        if !may || !message.gate.is_open() {
            return self.finish(message, Carried::NotTried { had_begun: may, is_stale: !may });
        }
        match carry::into_folder(path, &message, &self.line.relay.name).await {
            Ok(carried) => self.finish(message, carried),
            Err(trouble) => {
                self.finish(message, Carried::NotTried { had_begun: true, is_stale: false });
                self.trouble = Some(trouble);
                self.goes_on = false;
            }
        }
    }

    fn finish(&mut self, message: Message, carried: Carried) {
        self.done.push(Done { job: message.job, carried });
    }

    /// Gives everything back that was not handed over, and says that the line is gone.
    async fn leave_all(&mut self) {
        self.line.words.close();
        while let Some(word) = self.line.words.recv().await {
            self.hear(word);
        }
        let orders = self.orders.drain(..).map(|order| order.job);
        let left = self.next.take().map(|next| next.job).into_iter().chain(orders);
        self.done.extend(left.map(|job| Done { job, carried: NOT_TRIED }));
        let done = std::mem::take(&mut self.done);
        let trouble = self.trouble.take();
        self.line.tell(LineEvent::Gone { done, trouble, is_own: self.is_own }).await;
    }
}
