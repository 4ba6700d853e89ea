//! The judgement: SPF for the return path, DKIM keys, DMARC with alignment, and somewhere for answers to go.

use std::time::Duration;

use super::records::{is_aligned, is_dmarc, is_spf, spf_fault, tag};
use super::resolver::{Answer, Resolver};
use crate::domain::text::escape_controls;

/// All questions together take no longer (notice-rules.md, `sender-auth`).
pub const DEADLINE: Duration = Duration::from_secs(3);
/// Domains that nobody can have (RFC 2606, RFC 6761): what samples and tests use.
const RESERVED: [&str; 7] = ["example.com", "example.org", "example.net", "example", "test", "invalid", "localhost"];

/// The domains that a campaign's mail speaks for.
#[derive(Debug, Clone)]
pub struct SenderDomains {
    /// Of From.
    pub from: String,
    /// Of the envelope sender.
    pub return_path: String,
    /// Where answers go.
    pub reply_to: String,
    /// The keys that sign.
    pub keys: Vec<OurKey>,
}

/// One key that signs.
#[derive(Debug, Clone)]
pub struct OurKey {
    /// `d=`.
    pub domain: String,
    /// `s=`.
    pub selector: String,
    /// The record that has to stand in DNS.
    pub record: String,
}

/// What is to be thought of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Large providers will refuse, or distrust, such mail.
    Wrong,
    /// It could not be seen.
    Unknown,
}

impl Verdict {
    /// The word for it on screen and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Wrong => "wrong",
            Self::Unknown => "unknown",
        }
    }
}

/// One thing that was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What, such as `SPF of example.com`.
    pub what: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found, and what to do.
    pub words: String,
    /// The record to publish: name, type, value.
    pub publish: Option<String>,
}

impl SenderDomains {
    /// Whether every one of the domains is reserved, so that nobody could publish anything there.
    pub fn are_reserved(&self) -> bool {
        let keys = self.keys.iter().map(|key| &key.domain);
        [&self.from, &self.return_path, &self.reply_to].into_iter().chain(keys).all(|domain| {
            RESERVED.iter().any(|reserved| domain == reserved || domain.ends_with(&format!(".{reserved}")))
        })
    }
}

/// A record as it is shown: escaped, and not longer than somebody reads.
fn shown(record: &str) -> String {
    const CHARACTERS_MAX: usize = 200;
    let short: String = record.chars().take(CHARACTERS_MAX).collect();
    let dots = if short.len() < record.len() { "…" } else { "" };
    format!("\"{}{dots}\"", escape_controls(&short))
}

/// Asks DNS for all of it at once and judges.
pub async fn examine(resolver: &Resolver, sender: &SenderDomains) -> Vec<Judged> {
    let keys = async {
        let mut judged = Vec::new();
        for key in &sender.keys {
            let name = format!("{}._domainkey.{}", key.selector, key.domain);
            judged.push(judge_key(key, &name, &resolver.txt(&name).await));
        }
        judged
    };
    let (spf, keys, dmarc, bounces, answers) = tokio::join!(
        resolver.txt(&sender.return_path),
        keys,
        dmarc_of(resolver, &sender.from),
        exchangers(resolver, &sender.return_path),
        exchangers(resolver, &sender.reply_to),
    );
    let spf = judge_spf(&sender.return_path, &spf);
    let mut all = vec![spf];
    let has_keys = !keys.is_empty();
    all.extend(keys);
    if !has_keys {
        let words = "delivery.dkim is not set, so the relay is expected to sign; that cannot be seen from here".into();
        all.push(Judged { what: "DKIM".into(), verdict: Verdict::Unknown, words, publish: None });
    }
    let policy = judge_dmarc(sender, &dmarc, &all);
    all.push(policy);
    all.push(judge_exchangers("the return path", &sender.return_path, &bounces));
    if sender.reply_to != sender.return_path {
        all.push(judge_exchangers("Reply-To", &sender.reply_to, &answers));
    }
    all
}

fn judge_spf(domain: &str, answer: &Answer<String>) -> Judged {
    let example = format!("{domain} TXT \"v=spf1 include:YOUR-RELAYS-OWN-NAME ~all\" (your relay's provider names it)");
    let (verdict, words, publish) = match answer {
        Answer::Unknown(words) => (Verdict::Unknown, words.clone(), None),
        Answer::Nothing => (Verdict::Wrong, "there is no SPF record".to_owned(), Some(example)),
        Answer::Found(texts) => match texts.iter().filter(|text| is_spf(text)).collect::<Vec<_>>().as_slice() {
            [] => (Verdict::Wrong, "there is no SPF record".to_owned(), Some(example)),
            [one] => match spf_fault(one) {
                Some(fault) => (Verdict::Wrong, format!("{}: {fault}", shown(one)), Some(example)),
                None => {
                    (Verdict::Ok, format!("{}; whether it names your relay cannot be seen from here", shown(one)), None)
                }
            },
            several => {
                let words = format!("{} SPF records, of which none counts: keep one", several.len());
                (Verdict::Wrong, words, Some(example))
            }
        },
    };
    Judged { what: format!("SPF of {domain}"), verdict, words, publish }
}

fn judge_key(key: &OurKey, name: &str, answer: &Answer<String>) -> Judged {
    let publish = Some(format!("{name} TXT \"{}\"", key.record));
    let wrong = |words: &str| (Verdict::Wrong, words.to_owned(), publish.clone());
    let (verdict, words, publish) = match answer {
        Answer::Unknown(words) => (Verdict::Unknown, words.clone(), publish),
        Answer::Nothing => wrong("there is no key: mail would carry a signature that nobody can check"),
        Answer::Found(texts) => match texts.iter().find(|text| tag(text, "p").is_some()) {
            None => wrong("there is a text, but no key in it"),
            Some(text) if tag(text, "p").as_deref() == Some("") => wrong("the key there has been revoked"),
            Some(text) if tag(text, "p") != tag(&key.record, "p") => wrong("the key there is another than key_file's"),
            Some(text) if kind(text) != kind(&key.record) => wrong("the key there is said to be of another kind (k=)"),
            Some(text) if tag(text, "t").is_some_and(|flags| flags.split(':').any(|flag| flag == "y")) => {
                wrong("the key is right, but marked as a test (t=y), and then counts for nothing: take the mark away")
            }
            Some(_) => (Verdict::Ok, "the key there is key_file's".to_owned(), None),
        },
    };
    Judged { what: format!("DKIM {name}"), verdict, words, publish }
}

fn kind(record: &str) -> String {
    tag(record, "k").unwrap_or_else(|| "rsa".into())
}

/// The DMARC record that holds for a domain, and where it stands: its own, or that of a domain above, down to two labels.
async fn dmarc_of(resolver: &Resolver, from: &str) -> (String, Answer<String>) {
    let mut domain = from;
    loop {
        let answer = match resolver.txt(&format!("_dmarc.{domain}")).await {
            Answer::Found(texts) => {
                let texts: Vec<String> = texts.into_iter().filter(|text| is_dmarc(text)).collect();
                if texts.is_empty() { Answer::Nothing } else { Answer::Found(texts) }
            }
            other => other,
        };
        match domain.split_once('.') {
            Some((_, above)) if answer == Answer::Nothing && above.contains('.') => domain = above,
            _ => return (domain.to_owned(), answer),
        }
    }
}

fn judge_dmarc(sender: &SenderDomains, (domain, answer): &(String, Answer<String>), so_far: &[Judged]) -> Judged {
    let SenderDomains { from, return_path, .. } = sender;
    let publish = Some(format!("_dmarc.{from} TXT \"v=DMARC1; p=none; rua=mailto:dmarc@{from}\""));
    let text = match answer {
        Answer::Unknown(words) => {
            return Judged {
                what: format!("DMARC of {from}"),
                verdict: Verdict::Unknown,
                words: words.clone(),
                publish,
            };
        }
        Answer::Found(texts) if texts.len() == 1 => texts[0].as_str(),
        Answer::Found(texts) => {
            let words = format!("{} DMARC records at _dmarc.{domain}, of which none counts: keep one", texts.len());
            return Judged { what: format!("DMARC of {from}"), verdict: Verdict::Wrong, words, publish };
        }
        Answer::Nothing => {
            let words = "there is no DMARC record, which large providers ask of bulk senders".into();
            return Judged { what: format!("DMARC of {from}"), verdict: Verdict::Wrong, words, publish };
        }
    };
    let is_strict = |name: &str| tag(text, name).as_deref() == Some("s");
    let stands =
        |what: &str| so_far.iter().any(|judged| judged.what.starts_with(what) && judged.verdict != Verdict::Wrong);
    let by_spf = stands("SPF") && is_aligned(return_path, from, domain, is_strict("aspf"));
    let keys = sender.keys.iter().filter(|key| stands(&format!("DKIM {}.", key.selector)));
    let by_key = keys.map(|key| key.domain.as_str()).find(|key| is_aligned(key, from, domain, is_strict("adkim")));
    let (verdict, words) = match (tag(text, "p"), by_spf, by_key) {
        (None, ..) => (Verdict::Wrong, format!("{}: it has no policy (p=)", shown(text))),
        (_, _, Some(key)) => (Verdict::Ok, format!("{}; aligned by the signature of {key}", shown(text))),
        (_, true, None) => (Verdict::Ok, format!("{}; aligned by SPF of {return_path}", shown(text))),
        (_, false, None) if sender.keys.is_empty() => {
            let words =
                "the return path is not aligned with From, so it rests on the relay's signature, which cannot be seen";
            (Verdict::Unknown, format!("{}; {words}", shown(text)))
        }
        (_, false, None) => {
            let words = "neither the return path (SPF) nor a signature (DKIM) is aligned with From: use a return path or a d= below it";
            (Verdict::Wrong, format!("{}; {words}", shown(text)))
        }
    };
    let publish = publish.filter(|_| verdict == Verdict::Wrong && tag(text, "p").is_none());
    Judged { what: format!("DMARC of {from}"), verdict, words, publish }
}

async fn exchangers(resolver: &Resolver, domain: &str) -> (Answer<String>, Answer<String>) {
    match resolver.mx(domain).await {
        // RFC 5321 §5.1: without an MX, the domain's own address is one.
        Answer::Nothing => (Answer::Nothing, resolver.a(domain).await),
        other => (other, Answer::Nothing),
    }
}

fn judge_exchangers(whose: &str, domain: &str, (mx, a): &(Answer<String>, Answer<String>)) -> Judged {
    let publish = Some(format!("{domain} MX 10 \"YOUR-MAIL-SERVER\""));
    let (verdict, words, publish) = match (mx, a) {
        (Answer::Found(names), _) if names.iter().all(String::is_empty) => {
            (Verdict::Wrong, "it says that it takes no mail (null MX, RFC 7505)".to_owned(), publish)
        }
        (Answer::Found(names), _) => {
            let names: Vec<String> = names.iter().take(3).map(|name| escape_controls(name)).collect();
            (Verdict::Ok, names.join(", "), None)
        }
        (Answer::Unknown(words), _) | (Answer::Nothing, Answer::Unknown(words)) => {
            (Verdict::Unknown, words.clone(), None)
        }
        (Answer::Nothing, Answer::Found(_)) => {
            (Verdict::Ok, "no MX, but an address, which stands for one".to_owned(), None)
        }
        (Answer::Nothing, Answer::Nothing) => {
            (Verdict::Wrong, format!("nobody takes mail there: answers to {whose} would be lost"), publish)
        }
    };
    Judged { what: format!("MX of {domain}"), verdict, words, publish }
}
