//! A DNS server on loopback with a zone given as data (RFC 1035), over UDP and TCP, encoded by hand.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread;

/// One record's data.
#[derive(Clone)]
pub enum Data {
    /// TXT; long ones are cut into strings of 255 octets.
    Txt(Vec<u8>),
    /// MX, with its preference left at 10; the empty name is the root.
    Mx(&'static str),
    /// A, always 192.0.2.1.
    A,
}

/// What a server does with a question about a name.
#[derive(Clone)]
pub enum Says {
    /// These records, of whatever type was asked for.
    Records(Vec<Data>),
    /// SERVFAIL.
    Fails,
    /// Nothing at all.
    Silence,
}

pub fn txt(text: &str) -> Data {
    Data::Txt(text.as_bytes().to_vec())
}

/// Starts a server; it ends with the test process. What is not in the zone does not exist.
pub fn serve(zone: HashMap<&'static str, Says>) -> SocketAddr {
    // The two ports have to be the same: another test may have the TCP one.
    let (udp, tcp) = (0..64)
        .find_map(|_| {
            let udp = UdpSocket::bind("127.0.0.1:0").ok()?;
            let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
            Some((udp, tcp))
        })
        .expect("loopback has a port for both");
    let address = udp.local_addr().expect("it is bound");
    let twin = zone.clone();
    thread::spawn(move || {
        let mut question = [0; 4_096];
        while let Ok((octets, from)) = udp.recv_from(&mut question) {
            if let Some(mut reply) = answer(&zone, &question[..octets]) {
                // RFC 1035 §4.2.1: what is too long is cut, and asked again over TCP.
                if reply.len() > 512 {
                    reply.truncate(12 + question_octets(&question[..octets]));
                    reply[2] |= 0x02;
                    reply[6..12].fill(0);
                }
                drop(udp.send_to(&reply, from));
            }
        }
    });
    thread::spawn(move || {
        for mut stream in tcp.incoming().flatten() {
            let mut length = [0; 2];
            while stream.read_exact(&mut length).is_ok() {
                let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                let read = stream.read_exact(&mut question);
                let Some(reply) = read.ok().and_then(|()| answer(&twin, &question)) else { break };
                let length = u16::try_from(reply.len()).expect("a reply under 64 kB").to_be_bytes();
                drop(stream.write_all(&[&length[..], &reply].concat()));
            }
        }
    });
    address
}

/// Octets of the question section, which is copied into the reply.
fn question_octets(message: &[u8]) -> usize {
    let mut at = 12;
    while message[at] != 0 {
        at += usize::from(message[at]) + 1;
    }
    at + 5 - 12
}

fn name(message: &[u8]) -> String {
    let (mut labels, mut at) = (Vec::new(), 12);
    while message[at] != 0 {
        let length = usize::from(message[at]);
        labels.push(String::from_utf8_lossy(&message[at + 1..=at + length]).to_ascii_lowercase());
        at += length + 1;
    }
    labels.join(".")
}

fn answer(zone: &HashMap<&'static str, Says>, message: &[u8]) -> Option<Vec<u8>> {
    let asked = 12 + question_octets(message);
    let kind = u16::from_be_bytes([message[asked - 4], message[asked - 3]]);
    let (code, records): (u8, Vec<Data>) = match zone.get(name(message).as_str()) {
        None => (3, Vec::new()),
        Some(Says::Silence) => return None,
        Some(Says::Fails) => (2, Vec::new()),
        Some(Says::Records(records)) => (0, records.iter().filter(|data| data.kind() == kind).cloned().collect()),
    };
    let count = u8::try_from(records.len()).expect("few records");
    let mut reply = vec![message[0], message[1], 0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0];
    reply.extend_from_slice(&message[12..asked]);
    for record in records {
        let data = record.octets();
        // The name is a pointer to the question's.
        reply.extend([0xc0, 12]);
        reply.extend(record.kind().to_be_bytes());
        reply.extend([0, 1, 0, 0, 0, 60]);
        reply.extend(u16::try_from(data.len()).expect("short data").to_be_bytes());
        reply.extend(data);
    }
    Some(reply)
}

impl Data {
    fn kind(&self) -> u16 {
        match self {
            Self::A => 1,
            Self::Mx(_) => 15,
            Self::Txt(_) => 16,
        }
    }

    fn octets(&self) -> Vec<u8> {
        match self {
            Self::A => vec![192, 0, 2, 1],
            Self::Mx(host) => {
                let labels = host.split('.').filter(|label| !label.is_empty());
                let name = labels
                    .flat_map(|label| [u8::try_from(label.len()).expect("a label")].into_iter().chain(label.bytes()));
                [0, 10].into_iter().chain(name).chain([0]).collect()
            }
            Self::Txt(text) => text
                .chunks(255)
                .flat_map(|part| {
                    [u8::try_from(part.len()).expect("at most 255")].into_iter().chain(part.iter().copied())
                })
                .collect(),
        }
    }
}
