//! A server for the benchmark: takes everything, or refuses every other recipient, in plaintext or TLS, on loopback.
//!
//! smtp-sink knows neither TLS nor refusing a part; what this one shows is only ever compared with itself.
//! `sink [--half] [--tls CERTIFICATES KEY]` prints `port N`, then `first MILLISECONDS` when the first body has been read.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Room for a body of the benchmark and the envelope behind it.
const BUFFER_OCTETS: usize = 64 * 1024;

/// What all connections share.
struct Sink {
    half: bool,
    has_taken: AtomicBool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let tls =
        arguments.iter().position(|word| word == "--tls").map(|at| acceptor(&arguments[at + 1], &arguments[at + 2]));
    let half = arguments.iter().any(|word| word == "--half");
    let sink = Arc::new(Sink { half, has_taken: AtomicBool::new(false) });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    say(&format!("port {}", listener.local_addr()?.port()));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (sink, tls) = (sink.clone(), tls.clone());
        tokio::spawn(async move {
            // A client that leaves is no error here.
            let _ = match tls {
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => sink.serve(stream).await,
                    Err(error) => Err(error),
                },
                None => sink.serve(stream).await,
            };
        });
    }
}

fn acceptor(certificates: &str, key: &str) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(certificates).and_then(Iterator::collect).expect("certificates in PEM");
    let key = PrivateKeyDer::from_pem_file(key).expect("a key in PEM");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .expect("certificate and key fit");
    TlsAcceptor::from(Arc::new(config))
}

fn say(line: &str) {
    // Whoever started this reads it through a pipe, and may have gone.
    let mut output = std::io::stdout();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

impl Sink {
    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        stream.write_all(b"220 sink ESMTP\r\n").await?;
        stream.flush().await?;
        let mut input: Vec<u8> = Vec::with_capacity(BUFFER_OCTETS);
        let mut output = Vec::new();
        let (mut in_body, mut is_taken, mut recipients) = (false, false, 0_u64);
        loop {
            if stream.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
            let mut read = 0;
            loop {
                let rest = &input[read..];
                let end: &[u8] = if in_body { b"\r\n.\r\n" } else { b"\r\n" };
                let Some(at) = memchr::memmem::find(rest, end) else { break };
                read += at + end.len();
                if in_body {
                    in_body = false;
                    self.took_one();
                    output.extend_from_slice(b"250 2.0.0 Ok\r\n");
                    continue;
                }
                let reply: &[u8] = match rest[..at.min(4)].to_ascii_uppercase().as_slice() {
                    b"EHLO" => b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 DSN\r\n",
                    b"RCPT" => {
                        recipients += 1;
                        is_taken = !(self.half && recipients.is_multiple_of(2));
                        if is_taken { b"250 2.1.5 Ok\r\n" } else { b"550 5.1.1 No such user\r\n" }
                    }
                    b"DATA" if is_taken => {
                        (in_body, is_taken) = (true, false);
                        b"354 Go on\r\n"
                    }
                    b"DATA" => b"503 5.5.1 No valid recipients\r\n",
                    b"QUIT" => {
                        stream.write_all(b"221 2.0.0 Bye\r\n").await?;
                        return stream.shutdown().await;
                    }
                    _ => b"250 2.0.0 Ok\r\n",
                };
                output.extend_from_slice(reply);
            }
            input.drain(..read);
            if !output.is_empty() {
                stream.write_all(&output).await?;
                stream.flush().await?;
                output.clear();
            }
        }
    }

    fn took_one(&self) {
        if !self.has_taken.swap(true, Ordering::Relaxed) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
            say(&format!("first {}", now.as_millis()));
        }
    }
}
