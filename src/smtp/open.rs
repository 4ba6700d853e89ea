//! From a server's name to a connection that is ready for messages.
//!
//! Decides the order of the first steps and where they end. Never goes on without TLS where TLS is asked for, and never
//! signs in outside TLS but on loopback.

use std::io;
use std::net::SocketAddr;

use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::auth::{Credentials, Exchange};
use super::capabilities::Capabilities;
use super::command::Command;
use super::connection::Connection;
use super::error::{ErrorKind, SmtpError};
use super::exchange::consent;
use super::server::{Security, Server};
use super::session::{SERVICE_CLOSING, Session};
use super::stream::{Dial, Stream};
use super::tls::TlsInfo;
use crate::domain::outcome::Phase;

/// Addresses of one name that are tried; more would make each one's share of the time too short.
const ADDRESSES_MAX: usize = 8;

pub(super) async fn open(server: &Server) -> Result<Connection, SmtpError> {
    let stream = match &server.dial {
        Some(dial) => dialled(dial.as_ref(), server).await?,
        None => Stream::Plain(connect(server).await?),
    };
    let mut connection = match server.security {
        Security::Implicit => handshake(stream, server, Session::new()).await?,
        Security::Plaintext if !is_local(&stream) => {
            let detail = "TLS is required for every relay that is not on this computer; use smtp:// or smtps://";
            return Err(SmtpError::new(Phase::Connect, ErrorKind::Tls, detail));
        }
        Security::Plaintext | Security::StartTls => Connection::over(stream, Session::new(), None, server.timeouts),
    };
    consent(connection.answer().await?)?;
    hello(&mut connection, &server.hello).await?;
    if server.security == Security::StartTls {
        connection = start_tls(connection, server).await?;
        hello(&mut connection, &server.hello).await?;
    }
    if let Some(credentials) = &server.credentials {
        sign_in(&mut connection, credentials).await?;
    }
    connection.busy = false;
    Ok(connection)
}

/// Tries the name's addresses one after the other, each with its share of the time.
async fn connect(server: &Server) -> Result<TcpStream, SmtpError> {
    let limit = server.timeouts.connect;
    let try_all = async {
        let found: Vec<SocketAddr> =
            lookup_host((server.host.as_str(), server.port)).await?.take(ADDRESSES_MAX).collect();
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the relay's name has no address");
        // At most ADDRESSES_MAX, so the conversion cannot fail; the share of none is never used.
        let share = limit / u32::try_from(found.len().max(1)).unwrap_or(1);
        for address in found {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => return Ok(tcp),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(last)
    };
    let tcp = match timeout(limit, try_all).await {
        Err(_) => return Err(SmtpError::timeout(Phase::Connect)),
        Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => return Err(SmtpError::timeout(Phase::Connect)),
        // Nothing is open yet that could be closed: a reset here is a refusal of the network.
        Ok(Err(error)) => return Err(SmtpError::new(Phase::Connect, ErrorKind::Io, error.to_string())),
        Ok(Ok(tcp)) => tcp,
    };
    // Without it the last segment of a body waits for an acknowledgement that the server delays: 43 ms a message.
    tcp.set_nodelay(true).map_err(|error| SmtpError::io(Phase::Connect, &error))?;
    Ok(tcp)
}

async fn dialled(dial: &dyn Dial, server: &Server) -> Result<Stream, SmtpError> {
    match timeout(server.timeouts.connect, dial.dial(&server.host, server.port)).await {
        Err(_) => Err(SmtpError::timeout(Phase::Connect)),
        Ok(Err(error)) => Err(SmtpError::new(Phase::Connect, ErrorKind::Io, error.to_string())),
        Ok(Ok(stream)) => Ok(Stream::Dialled(stream)),
    }
}

fn is_local(stream: &Stream) -> bool {
    match stream {
        Stream::Plain(tcp) => tcp.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback()),
        Stream::Dialled(_) => true,
        Stream::Tls(_) => false,
    }
}

async fn hello(connection: &mut Connection, name: &str) -> Result<(), SmtpError> {
    connection.command(&Command::Ehlo(name))?;
    connection.flush().await?;
    let answer = connection.answer().await?;
    if answer.reply.is_permanent() {
        // RFC 5321 §3.2: a server that does not know EHLO is asked with HELO, and has no extensions.
        connection.command(&Command::Helo(name))?;
        connection.flush().await?;
        consent(connection.answer().await?)?;
        connection.capabilities = Capabilities::default();
    } else {
        connection.capabilities = Capabilities::from_ehlo(&consent(answer)?);
    }
    Ok(())
}

async fn start_tls(mut connection: Connection, server: &Server) -> Result<Connection, SmtpError> {
    if !connection.capabilities.starttls {
        let detail = "the server does not offer STARTTLS, which is required; nothing was sent";
        return Err(SmtpError::new(Phase::StartTls, ErrorKind::Tls, detail));
    }
    connection.command(&Command::StartTls)?;
    connection.flush().await?;
    consent(connection.answer().await?)?;
    // What lies behind the 220 was sent in plaintext, by whoever could: it must not be read as said inside TLS.
    let injected = |_| {
        let detail = "bytes in plaintext came between the answer to STARTTLS and the handshake";
        SmtpError::new(Phase::StartTls, ErrorKind::Protocol, detail)
    };
    connection.session.next_answer().map_err(injected)?;
    connection.check_quiet(Phase::StartTls).await?;
    handshake(connection.stream, server, Session::after_starttls()).await
}

async fn handshake(stream: Stream, server: &Server, session: Session) -> Result<Connection, SmtpError> {
    let phase = Phase::Handshake;
    let Stream::Plain(tcp) = stream else {
        return Err(SmtpError::new(phase, ErrorKind::Protocol, "TLS is spoken over TCP, and once only"));
    };
    let name = ServerName::try_from(server.host.clone()).map_err(|_| {
        SmtpError::new(phase, ErrorKind::Tls, "the relay's host is no name that a certificate can be for")
    })?;
    let connecting = TlsConnector::from(server.tls.clone()).connect(name, tcp);
    match timeout(server.timeouts.command, connecting).await {
        Err(_) => Err(SmtpError::timeout(phase)),
        Ok(Err(error)) => Err(SmtpError::io(phase, &error)),
        Ok(Ok(stream)) => {
            let info = TlsInfo::of(stream.get_ref().1);
            Ok(Connection::over(Stream::Tls(Box::new(stream)), session, Some(info), server.timeouts))
        }
    }
}

/// Only ever called inside TLS, or in plaintext on loopback: `open` has seen to that.
async fn sign_in(connection: &mut Connection, credentials: &Credentials) -> Result<(), SmtpError> {
    let mut exchange = Exchange::start(&connection.capabilities.auth, credentials).ok_or_else(|| {
        let detail = "the server offers no way to sign in that this program speaks (PLAIN, LOGIN, XOAUTH2); \
                      it may want no user name, or only on another port";
        SmtpError::new(Phase::Auth, ErrorKind::AuthRefused, detail)
    })?;
    connection.command(&exchange.command())?;
    loop {
        connection.flush().await?;
        let reply = connection.answer().await?.reply;
        match reply.code {
            235 => return Ok(()),
            334 => match exchange.respond() {
                Some(response) => connection.command(&Command::AuthResponse(&response))?,
                None => {
                    // The secret has been given: as often as after a 535, and no more often, may it be given again.
                    let detail = "the server asks for more than the sign-in has";
                    return Err(SmtpError::new(Phase::Auth, ErrorKind::AuthRefused, detail));
                }
            },
            SERVICE_CLOSING => return Err(SmtpError::refused(Phase::Auth, reply)),
            _ => return Err(SmtpError::auth_refused(reply)),
        }
    }
}
