//! Whether large providers will take mail from this sender: what DNS says, for `doctor` and for the rule `sender-auth`.

use std::time::Duration;

use super::ApprovalError;
use crate::clock::instant;
use crate::config::Settings;
use crate::dns::{self, Judged, OurKey, Resolver, SenderDomains, Verdict};
use crate::notice::{RuleResult, RuleSet, SENDER_AUTH, Signers};

/// Asks DNS about the sender, no longer than `within`; `None` where every domain is reserved and no DNS server is named:
/// there is nothing to find.
///
/// # Errors
/// [`ApprovalError::Settings`] without From, or with a signing key that cannot be used.
pub async fn sender_auth(settings: &Settings, within: Duration) -> Result<Option<Vec<Judged>>, ApprovalError> {
    let domains = domains(settings)?;
    if domains.are_reserved() && settings.dns.servers.is_empty() {
        return Ok(None);
    }
    let resolver = Resolver::new(&settings.dns.servers, instant() + within);
    Ok(Some(dns::examine(&resolver, &domains).await))
}

fn domains(settings: &Settings) -> Result<SenderDomains, ApprovalError> {
    let organization = &settings.organization;
    let from = organization.from.as_ref().map(|from| from.mailbox.domain().to_owned());
    let from = from.ok_or_else(|| {
        ApprovalError::Settings("organization.from is not set: candor.toml has to say who writes".into())
    })?;
    let return_path = organization.return_path.as_ref().and_then(|path| path.mailbox("tag").ok());
    let signers = Signers::load(&settings.delivery.dkim).map_err(|error| ApprovalError::Settings(error.to_string()))?;
    let key = |signer: &crate::notice::Signer| OurKey {
        domain: signer.domain().to_owned(),
        selector: signer.selector().to_owned(),
        record: signer.record(),
    };
    Ok(SenderDomains {
        return_path: return_path.map_or_else(|| from.clone(), |path| path.domain().to_owned()),
        reply_to: organization.reply_to.as_ref().map_or_else(|| from.clone(), |to| to.mailbox.domain().to_owned()),
        keys: signers.iter().map(key).collect(),
        from,
    })
}

/// The rule `sender-auth`: asked when a check is made, never when a kept one stands.
///
/// # Errors
/// As [`sender_auth`].
pub(super) async fn rule(settings: &Settings) -> Result<Option<RuleResult>, ApprovalError> {
    let base = RuleSet::base();
    let Some(rule) = base.rule(SENDER_AUTH) else { return Ok(None) };
    let judged = sender_auth(settings, dns::DEADLINE).await?;
    let of = |verdict: Verdict| {
        let found = judged.iter().flatten().filter(move |one| one.verdict == verdict);
        found.map(|one| format!("{}: {}", one.what, one.words)).collect::<Vec<String>>()
    };
    let (wrong, unknown) = (of(Verdict::Wrong), of(Verdict::Unknown));
    let detail = if judged.is_none() {
        "not asked: these domains are reserved for examples".to_owned()
    } else if !wrong.is_empty() {
        format!("{}. {}", wrong.join("; "), rule.todo)
    } else if !unknown.is_empty() {
        format!("unknown: {}", unknown.join("; "))
    } else {
        "SPF, DKIM, DMARC and MX are as they should be".to_owned()
    };
    let (id, severity) = (rule.id.clone(), rule.severity);
    Ok(Some(RuleResult { rule: id, severity, locale: None, ok: wrong.is_empty(), detail }))
}
