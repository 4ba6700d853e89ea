//! What the rules find.

use super::super::fixtures::*;
use super::super::*;

fn failed(notice: &Notice, customers: &[Customer]) -> Vec<String> {
    let copies: Vec<Rendered> = customers.iter().map(|customer| notice.render(customer).unwrap()).collect();
    let samples: Vec<(&Customer, &Rendered)> = customers.iter().zip(&copies).collect();
    check_rules(notice, &samples).into_iter().filter(|result| !result.ok).map(|result| result.rule).collect()
}

fn with(html: &str, text: &str) -> Notice {
    notice("s", html, Some(text)).unwrap()
}

/// Parts that meet every rule, with something added.
fn added(addition: &str) -> Notice {
    with(&format!("{HTML}<p>{addition}</p>"), &format!("{TEXT}\n{addition}\n"))
}

#[test]
fn a_good_notice_meets_every_rule_also_where_nobody_reads_it_yet() {
    assert_eq!(failed(&sample(), &[customer("Anna"), customer(""), customer("{{x}} TBD")]), Vec::<String>::new());
    assert_eq!(failed(&sample(), &[]), Vec::<String>::new());
    let results = check_rules(&sample(), &[]);
    // One asks DNS, and is not this room's.
    assert_eq!(results.len(), RuleSet::base().rules.len() - 1);
    assert!(results.iter().all(|result| result.locale.as_deref() == Some("en")));
}

#[test]
fn every_rule_of_the_file_has_a_condition() {
    assert!(check_rules(&sample(), &[]).iter().all(|result| !result.detail.contains("does not know")));
}

#[test]
fn a_guarantee_missing_from_either_part_is_an_error() {
    for (html, text) in [
        (HTML.replace("{{guarantee}}", ""), TEXT.to_owned()),
        (HTML.to_owned(), TEXT.replace("{{guarantee}}", "We promise.")),
        (HTML.replace("<p><strong>{{guarantee}}</strong></p>", "<!-- {{guarantee}} -->"), TEXT.to_owned()),
    ] {
        assert!(failed(&with(&html, &text), &[customer("A")]).contains(&"guarantee-present".to_owned()));
    }
}

#[test]
fn a_guarantee_may_be_wrapped_and_marked_up() {
    let html = HTML.replace(
        "{{guarantee}}",
        "If your card was <b>used</b> as\n a result of this&nbsp;incident, you are not responsible for it.",
    );
    let text = TEXT
        .replace("{{guarantee}}", "> If your card was used as a result of\n> this incident".trim_start_matches("> "));
    assert!(!failed(&with(&html, TEXT), &[]).contains(&"guarantee-present".to_owned()));
    assert!(failed(&with(HTML, &text), &[]).contains(&"guarantee-present".to_owned()));
}

#[test]
fn a_guarantee_in_a_paragraph_with_others_or_after_the_advice_is_a_warning() {
    let among = HTML.replace("<strong>{{guarantee}}</strong>", "Also, {{guarantee}}");
    assert_eq!(failed(&with(&among, TEXT), &[]), ["guarantee-place"]);
    let late = format!("{}\n{{{{guarantee}}}}\n", TEXT.replace("{{guarantee}}\n\n", ""));
    assert_eq!(failed(&with(HTML, &late), &[]), ["guarantee-place"]);
}

#[test]
fn what_was_left_to_fill_in_is_an_error_in_any_branch() {
    for left in ["on [DATE]", "TBD", "Lorem ipsum", "{{#if customer.tier}}{{else}}TBD{{/if}}", "\\{{name}}", "Dear ,"] {
        assert_eq!(failed(&added(left), &[customer("A")]), ["unresolved"], "{left}");
    }
    assert_eq!(failed(&added("Dear {{customer.name}},"), &[customer("")]), ["unresolved"]);
    assert_eq!(failed(&added("Dear {{customer.name}},"), &[customer("A")]), Vec::<String>::new());
}

#[test]
fn a_way_out_a_missing_code_and_too_much_weight_are_warnings() {
    assert_eq!(failed(&added("Unsubscribe here"), &[]), ["opt-out"]);
    assert_eq!(failed(&with(&HTML.replace("{{reference_code}}", ""), TEXT), &[]), ["reference-code"]);
    assert_eq!(failed(&with(&format!("{HTML}{}", "<p>x</p>".repeat(15_000)), TEXT), &[]), ["weight"]);
}

#[test]
fn each_recipient_is_looked_at_for_what_differs_between_them() {
    let rules = RuleSet::base();
    let found = |notice: &Notice, customer: &Customer| -> Vec<String> {
        let rendered = notice.render(customer).unwrap();
        check_recipient(notice, &rules, customer, &rendered).into_iter().map(|finding| finding.rule).collect()
    };
    let greeting = added("Dear {{customer.name}},");
    assert_eq!(found(&greeting, &customer("Anna")), Vec::<String>::new());
    assert_eq!(found(&greeting, &customer("{{x}}")), Vec::<String>::new());
    assert_eq!(found(&greeting, &customer(" ")), ["unresolved"]);
    let gold_only = "{{#if (eq customer.tier \"gold\")}}{{guarantee}}{{/if}}";
    let partial = with(&HTML.replace("{{guarantee}}", gold_only), &TEXT.replace("{{guarantee}}", gold_only));
    let mut silver = customer("Anna");
    silver.fields.insert("tier".into(), "silver".into());
    assert_eq!(found(&partial, &customer("Anna")), Vec::<String>::new());
    assert_eq!(found(&partial, &silver), ["guarantee-present"]);
}
