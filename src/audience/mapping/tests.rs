//! The rules of mapping, each with what breaks it.

use super::*;

fn header(names: &str) -> Vec<String> {
    names.split(',').map(str::to_owned).collect()
}

fn map(text: &str) -> MapArg {
    text.parse().unwrap()
}

fn mapping(names: &str) -> Mapping {
    Mapping::new(&header(names), &[]).unwrap()
}

fn message(names: &str, maps: &[MapArg]) -> String {
    Mapping::new(&header(names), maps).unwrap_err().to_string()
}

#[test]
fn exact_names_are_taken_in_any_case_and_the_rest_become_customer_columns() {
    let mapping = mapping(" Email ,REF,name,Plan Level,locale,jurisdiction,channel_basis, city");
    assert_eq!(mapping.position(Field::Email), Some(0));
    assert_eq!(mapping.column_of(Field::Ref), Some("REF"));
    assert_eq!(mapping.fields, ["Plan Level", "city"]);
    assert!(mapping.guessed.is_empty() && mapping.undecided.is_empty() && mapping.has_ref());
}

#[test]
fn common_other_names_are_guessed_and_shown() {
    for name in
        ["E-Mail", "email_address", "Email Address", "mail", "Correo", "correo electrónico", "CORREO ELECTRÓNICO"]
    {
        let mapping = mapping(&format!("x,{name}"));
        assert_eq!(mapping.guessed, [(Field::Email, name.to_owned())], "{name}");
    }
    for name in ["customer_id", "customer_ref", "Reference", "id"] {
        assert_eq!(mapping(&format!("email,{name}")).column_of(Field::Ref), Some(name));
    }
    let mapping = mapping("email,Nombre,idioma");
    assert_eq!((mapping.column_of(Field::Name), mapping.column_of(Field::Locale)), (Some("Nombre"), Some("idioma")));
}

#[test]
fn an_exact_name_goes_before_a_guess() {
    let mapping = mapping("mail,email,id,ref");
    assert_eq!((mapping.position(Field::Email), mapping.position(Field::Ref)), (Some(1), Some(3)));
    assert_eq!(mapping.fields, ["mail", "id"]);
}

#[test]
fn two_columns_that_would_do_are_not_guessed_between() {
    let mapping = mapping("email,id,customer_id");
    assert!(!mapping.has_ref());
    assert_eq!(mapping.undecided, [(Field::Ref, vec!["id".to_owned(), "customer_id".to_owned()])]);
    assert_eq!(mapping.fields, ["id", "customer_id"]);
    let message = message("mail,E-Mail", &[]);
    assert!(message.contains("mail, E-Mail") && message.contains("--map email=mail"), "{message}");
}

#[test]
fn map_goes_before_names_and_says_what_it_leaves_out() {
    let list = header("email,Work Mail,name");
    let mapping = Mapping::new(&list, &[map("email=work mail")]).unwrap();
    assert_eq!(mapping.column_of(Field::Email), Some("Work Mail"));
    assert_eq!((mapping.left_out, mapping.fields), (vec!["email".to_owned()], vec![]));
}

#[test]
fn a_map_that_cannot_be_followed_names_the_columns() {
    let message = message("email,name", &[map("ref=Number")]);
    assert!(message.contains("ref=Number") && message.contains("email, name"), "{message}");
    let twice = Mapping::new(&header("email,a,b"), &[map("ref=a"), map("ref=b")]);
    assert!(matches!(twice, Err(AudienceError::MappedTwice("ref"))));
    for text in ["email", "mail=x", "=x", "email="] {
        assert!(text.parse::<MapArg>().unwrap_err().to_string().contains("channel_basis"), "{text}");
    }
    assert_eq!(map("email=a=b").column, "a=b");
}

#[test]
fn a_list_without_addresses_shows_the_map_to_use() {
    let message = message("kunde,Work e-mail (main),x", &[]);
    assert!(message.contains("kunde, Work e-mail (main), x"), "{message}");
    assert!(message.contains("--map email='Work e-mail (main)'"), "{message}");
    assert!(self::message("a,b", &[]).contains("--map email=COLUMN"));
}

#[test]
fn a_damaged_header_is_refused() {
    assert!(matches!(mapping_error("email,,x"), AudienceError::BlankColumn { position: 2 }));
    assert!(matches!(mapping_error("email,  "), AudienceError::BlankColumn { position: 2 }));
    assert!(matches!(mapping_error("email,City,city "), AudienceError::DuplicateColumn { .. }));
    assert!(matches!(mapping_error("email,Email"), AudienceError::DuplicateColumn { .. }));
    assert!(matches!(mapping_error("e\0mail"), AudienceError::Header(_)));
    let many: Vec<String> = (0..=COLUMNS_MAX).map(|n| format!("c{n}")).collect();
    assert!(matches!(Mapping::new(&many, &[]), Err(AudienceError::TooManyColumns { .. })));
}

fn mapping_error(names: &str) -> AudienceError {
    Mapping::new(&header(names), &[]).unwrap_err()
}

#[test]
fn the_columns_of_a_rejects_file_are_no_customer_columns() {
    let mapping = mapping("candor_reject,candor_line,candor_field,candor_reason,email,'=sum,plan");
    assert!(mapping.is_rejects_file());
    assert_eq!(mapping.columns, ["email", "=sum", "plan"]);
    assert_eq!(mapping.fields, ["=sum", "plan"]);
    assert_eq!(mapping.position(Field::Email), Some(0));
    assert_eq!(self::mapping("email,'=sum").fields, ["'=sum"]);
}
