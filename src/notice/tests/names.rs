//! Which names a template may use, and what they say.

use super::super::fixtures::*;
use super::super::*;

#[test]
fn every_documented_name_can_be_used() {
    let template = "{{customer.ref}} {{customer.email}} {{customer.name}} {{customer.locale}} {{customer.tier}}|\
        {{incident.id}} {{incident.title}} {{incident.case}} {{incident.note}} {{incident.response_phone}}|\
        {{organization.name}} {{organization.from}} {{organization.reply_to}} {{organization.postal_address}}|\
        {{notice.date}} {{date incident.discovered}}|{{list incident.information_involved}}|\
        {{#each incident.vendors as |vendor place|}}{{place}}:{{vendor.name}},{{../customer.name}}{{@last}};{{/each}}|\
        {{#with incident.vendors.[0]}}{{name}} {{@root.customer.tier}}{{/with}}|\
        {{#if incident.consequences}}yes{{else if (eq customer.tier \"gold\")}}gold{{else}}no{{/if}}|\
        {{#unless incident.protection_months}}none{{/unless}}{{#if incident.law_enforcement_delay}}x{{/if}}";
    let said = say(template, &customer("Anna")).unwrap();
    assert_eq!(
        said,
        "C-1 anna@example.org Anna en-US gold|i Notice 7 kept +1 800 555 0100|\
         Example Air care@xn--mller-kva.example answers@xn--mller-kva.example 1 Road\nTown|2018-04-05 March 28, 2018|\
         cards and names|0:V1,Annafalse;1:V2,Annatrue;|V1 gold|gold|none"
    );
}

#[test]
fn a_name_that_does_not_exist_is_an_error_anywhere_with_its_file_and_line() {
    for template in [
        "{{nothing}}",
        "{{customer.nothing}}",
        "{{#if customer.nothing}}x{{/if}}",
        "{{#unless nothing.at.all}}x{{/unless}}",
        "{{#each incident.nothing}}x{{/each}}",
        "{{#each incident.vendors}}{{nothing}}{{/each}}",
        "{{#each incident.vendors as |v|}}{{v.nothing}}{{/each}}",
        "{{#with incident}}{{customer.name}}{{/with}}",
        "{{#if incident.title}}{{else}}{{customer.nothing}}{{/if}}",
        "{{default nothing \"x\"}}",
        "{{default customer.name customer.nothing}}",
        "{{#if (eq customer.nothing \"x\")}}{{/if}}",
        "{{date incident.nothing}}",
        "{{incident.text}}",
        "{{incident.title.length}}",
        "{{@index}}",
        "{{../customer.name}}",
        "{{@root.nothing}}",
        "{{shout customer.name}}",
        "{{#shout}}x{{/shout}}",
        "{{lookup customer \"name\"}}",
    ] {
        let error = say(&format!("one\ntwo {template}"), &customer("A")).unwrap_err();
        assert!(error.starts_with("en/body.txt.hbs, line 2: "), "{template}: {error}");
    }
    let error = say("{{customer.nothing}}", &customer("A")).unwrap_err();
    assert!(error.contains("`customer.nothing` does not exist; there is email, locale, name, ref, tier"), "{error}");
}

#[test]
fn forms_that_hide_names_or_markup_are_refused() {
    for template in [
        "{{> other}}",
        "{{#*inline \"x\"}}y{{/inline}}",
        "{{customer}}",
        "{{incident.vendors}}",
        "{{date}}",
        "{{if x}}",
    ] {
        assert!(say(template, &customer("A")).is_err(), "{template}");
    }
    assert!(notice("s", "{{{customer.name}}}", None).is_err());
    assert!(notice("s", "{{{incident.what_happened}}}", None).is_ok());
}

#[test]
fn a_default_may_name_a_column_that_this_list_lacks() {
    assert_eq!(say("{{default customer.nickname \"you\"}}", &customer("A")).unwrap(), "you");
    assert_eq!(say("{{#with customer}}{{default nickname name}}{{/with}}", &customer("A")).unwrap(), "A");
}

#[test]
fn a_row_without_a_column_that_the_notice_uses_fails_alone_and_says_which() {
    let notice = notice("s", "{{#if customer.name}}h{{else}}{{customer.tier}}{{/if}}", None).unwrap();
    let mut without = customer("A");
    without.fields.clear();
    assert_eq!(notice.render(&without), Err(RenderError::NoColumn("tier".into())));
    assert!(notice.render(&customer("A")).is_ok());
}

#[test]
fn binding_changes_nothing_in_what_is_said() {
    let template = "{{#if incident.consequences}}a{{customer.name}}{{else}}b{{customer.name}}{{/if}}\n\
        {{#if customer.name}}\n  {{date notice.date}} {{incident.note}}\n{{else}}\n  none\n{{/if}}\n\
        {{#each incident.what_you_can_do}}\n  * {{this}}\n{{/each}}\n{{#each incident.vendors}}{{name}}{{../reference_code}}{{/each}}";
    let code = reference_code(&customer("").key);
    let list = "  * Look at your statements.\n  * Call us.\n";
    assert_eq!(say(template, &customer("A")).unwrap(), format!("bA\n  April 5, 2018 kept\n{list}V1{code}V2{code}"));
    assert_eq!(say(template, &customer("")).unwrap(), format!("b\n  none\n{list}V1{code}V2{code}"));
}

#[test]
fn a_copy_that_grows_without_bound_is_refused() {
    let mut huge = customer("A");
    huge.fields.insert("tier".into(), "x".repeat(400_000));
    let error = say("{{customer.tier}}{{customer.tier}}{{customer.tier}}", &huge).unwrap_err();
    assert!(error.contains("over 1000000 octets"), "{error}");
}

#[test]
fn a_helper_that_cannot_read_a_value_fails_that_row_without_repeating_it() {
    let mut odd = customer("A");
    odd.fields.insert("tier".into(), "secret".into());
    let error = say("{{date customer.tier}}", &odd).unwrap_err();
    assert!(error.contains("no date") && !error.contains("secret"), "{error}");
}

#[test]
fn a_notice_in_a_locale_without_words_is_refused_and_a_language_serves_its_regions() {
    let dir = tempfile::tempdir().unwrap();
    let templates =
        |folder: &'static str| [(format!("{folder}/subject.txt.hbs"), b"s"), (format!("{folder}/body.html.hbs"), b"h")];
    for (path, content) in templates("en").iter().chain(&templates("de-AT")) {
        write(dir.path(), &[(path, *content)]);
    }
    write(dir.path(), &[("notice.toml", b"default_locale = \"en\"")]);
    let notice = compile(&TemplateSet::read_dir(dir.path()).unwrap()).unwrap();
    assert_eq!(
        [notice.locale_for("DE_at"), notice.locale_for("de"), notice.locale_for("en-GB"), notice.locale_for("")],
        ["de-AT", "en", "en", "en"]
    );
    for (path, content) in templates("fr").iter() {
        write(dir.path(), &[(path, *content)]);
    }
    let error = compile(&TemplateSet::read_dir(dir.path()).unwrap()).map(|_| ()).unwrap_err();
    assert!(matches!(error, NoticeError::NoText(locale) if locale == "fr"));
}

#[test]
fn one_notice_serves_many_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&sample());
}

#[test]
fn before_an_import_any_column_may_be_named_and_nothing_else() {
    let date = chrono::NaiveDate::from_ymd_opt(2018, 4, 5).unwrap();
    let compile =
        |text: &str| Notice::compile_before_import(&set("s", "h", Some(text)), &incident(), &organization(), date);
    let notice = compile("{{customer.seat}} {{customer.name}}").unwrap();
    let stand_in = notice.stand_in("en").unwrap();
    assert_eq!(notice.render(&stand_in).unwrap().text, "seat Sample Customer");
    assert_eq!(notice.render(&customer("A")), Err(RenderError::NoColumn("seat".into())));
    assert!(compile("{{incident.seat}}").is_err());
}
