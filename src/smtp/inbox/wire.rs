//! The bytes between an inbox and one client: lines in, replies out, in TLS or not.
//!
//! Decides only limits: how long a line may be, and that replies leave together when nothing more lies ready to be read.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use memchr::memchr;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// RFC 4954 §4 wants room for an AUTH line of 12,288 octets, which no other command exceeds.
const LINE_OCTETS_MAX: usize = 12_288;
const READ_OCTETS: usize = 16 * 1_024;

trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

pub(super) struct Wire {
    stream: Box<dyn Transport>,
    input: Vec<u8>,
    output: Vec<u8>,
    pub is_tls: bool,
}

impl Wire {
    pub fn new(stream: TcpStream) -> Self {
        Self { stream: Box::new(stream), input: Vec::new(), output: Vec::new(), is_tls: false }
    }

    /// Takes the server's part in a handshake.
    ///
    /// # Errors
    /// Where the client's part does not fit, or where it has already sent something in plaintext.
    pub async fn into_tls(self, config: Arc<ServerConfig>) -> io::Result<Self> {
        if !self.input.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let stream = TlsAcceptor::from(config).accept(self.stream).await?;
        Ok(Self { stream: Box::new(stream), input: Vec::new(), output: Vec::new(), is_tls: true })
    }

    /// One command line without its CRLF.
    ///
    /// # Errors
    /// `UnexpectedEof` where the client left; `InvalidData` for a line that is too long or ends in a bare line feed.
    pub async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = memchr(b'\n', &self.input) {
                let line: Vec<u8> = self.input.drain(..=at).collect();
                let text = line.strip_suffix(b"\r\n").ok_or(io::ErrorKind::InvalidData)?;
                return String::from_utf8(text.to_vec()).map_err(|_| io::ErrorKind::InvalidData.into());
            }
            if self.input.len() > LINE_OCTETS_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.fill().await?;
        }
    }

    /// Sends what is to be said, then waits for more to read.
    ///
    /// # Errors
    /// `UnexpectedEof` where the client left.
    pub async fn fill(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.input.reserve(READ_OCTETS);
        if self.stream.read_buf(&mut self.input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// What has been read and not been taken.
    pub fn input(&self) -> &[u8] {
        &self.input
    }

    /// Takes octets from the front of the input.
    pub fn consume(&mut self, octets: usize) {
        self.input.drain(..octets);
    }

    /// Adds to what is to be said.
    pub fn say(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Sends what is to be said.
    pub async fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await?;
            self.output.clear();
        }
        Ok(())
    }

    /// Sends bytes one at a time.
    pub async fn drip(&mut self, bytes: &[u8], pause: Duration) -> io::Result<()> {
        self.flush().await?;
        for byte in bytes {
            self.stream.write_all(&[*byte]).await?;
            self.stream.flush().await?;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// Sends what is to be said, and closes in order.
    pub async fn close(mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await
    }
}
