//! Asking: answers as a closed set.

use std::net::SocketAddr;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use tokio::time::{Instant, timeout_at};

/// Records of one name that are looked at; more is no longer a configuration.
const RECORDS_MAX: usize = 64;
/// Octets of one text that are looked at: far more than the longest key.
const TEXT_OCTETS_MAX: usize = 8_192;

/// What DNS says about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<T> {
    /// These records.
    Found(Vec<T>),
    /// The name, or a record of this kind, does not exist.
    Nothing,
    /// Nobody answered, or not in time, or with an error: in plain words.
    Unknown(String),
}

/// Asks the servers of the settings, or else the system's.
pub struct Resolver {
    inner: Result<TokioResolver, String>,
    deadline: Instant,
}

impl Resolver {
    /// Nothing is answered after `deadline`. Without `servers` it asks those that the system asks.
    pub fn new(servers: &[SocketAddr], deadline: Instant) -> Self {
        let builder = if servers.is_empty() {
            TokioResolver::builder_tokio()
        } else {
            let servers = servers.iter().map(|server| {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                    connection.port = server.port();
                    connection
                });
                NameServerConfig::new(server.ip(), true, connections.into())
            });
            let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
            Ok(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
        };
        let inner = builder.and_then(|builder| builder.build());
        Self { inner: inner.map_err(|error| format!("no DNS server is known here: {error}")), deadline }
    }

    /// The texts at a name, each with its strings joined (RFC 7208 §3.3, RFC 6376 §3.6.2.2); what is not UTF-8 is replaced.
    pub async fn txt(&self, name: &str) -> Answer<String> {
        let text = |data: &RData| match data {
            RData::TXT(txt) => {
                let octets: Vec<u8> =
                    txt.txt_data.iter().flat_map(|part| part.iter().copied()).take(TEXT_OCTETS_MAX).collect();
                Some(String::from_utf8_lossy(&octets).into_owned())
            }
            _ => None,
        };
        self.ask(name, RecordType::TXT, text).await
    }

    /// The mail exchangers of a domain, without the dot at their end; the null MX (RFC 7505) is an empty name.
    pub async fn mx(&self, name: &str) -> Answer<String> {
        let exchange = |data: &RData| match data {
            RData::MX(mx) => Some(mx.exchange.to_utf8().trim_end_matches('.').to_owned()),
            _ => None,
        };
        self.ask(name, RecordType::MX, exchange).await
    }

    /// The IPv4 addresses of a name.
    pub async fn a(&self, name: &str) -> Answer<String> {
        let address = |data: &RData| match data {
            RData::A(address) => Some(address.to_string()),
            _ => None,
        };
        self.ask(name, RecordType::A, address).await
    }

    async fn ask<T>(&self, name: &str, kind: RecordType, read: impl Fn(&RData) -> Option<T>) -> Answer<T> {
        let resolver = match &self.inner {
            Ok(resolver) => resolver,
            Err(words) => return Answer::Unknown(words.clone()),
        };
        // The dot keeps the system's search list out of it.
        match timeout_at(self.deadline, resolver.lookup(format!("{name}."), kind)).await {
            Err(_) => Answer::Unknown("DNS did not answer in time".into()),
            Ok(Err(error)) => negative(&error),
            Ok(Ok(lookup)) => {
                let found: Vec<T> =
                    lookup.answers().iter().filter_map(|record| read(&record.data)).take(RECORDS_MAX).collect();
                if found.is_empty() { Answer::Nothing } else { Answer::Found(found) }
            }
        }
    }
}

fn negative<T>(error: &NetError) -> Answer<T> {
    if error.is_nx_domain() || error.is_no_records_found() {
        Answer::Nothing
    } else {
        Answer::Unknown("DNS could not be asked, or answered with an error".into())
    }
}
