//! The customers of the sandbox: invented people at reserved domains (RFC 2606 §3), with the names, addresses and rows
//! that break mail merges, and what becomes of the mail to each.
//!
//! Decides everything by number alone, so that every demo of one size is the same.

use crate::store::DemoCustomer;

/// What the built-in inbox does with the mail to one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It takes it.
    Takes,
    /// It wants to be asked again later, the first time.
    Greylists,
    /// It is busy, the first time.
    Busy,
    /// It knows nobody of that name.
    NoSuchUser,
    /// The mailbox was closed.
    Closed,
    /// The mailbox is full.
    Full,
}

use Fate::{Busy, Closed, Full, Greylists, NoSuchUser, Takes};

/// A customer and what becomes of the mail.
#[derive(Debug, Clone)]
pub struct Person {
    /// The row in the customers' database.
    pub customer: DemoCustomer,
    /// By the address.
    pub fate: Fate,
}

/// The address of the one who asked never to be mailed.
pub const SUPPRESSED: &str = "letters.only@example.net";

/// Number, name, address, language, country, state, fate.
type Difficult = (u32, &'static str, &'static str, &'static str, &'static str, &'static str, Fate);

/// Those with whom mail merges fail (incident.md). Two rows are the same person again, four cannot be imported.
const DIFFICULT: [Difficult; 27] = [
    (1, "Siobhán O'Neill", "siobhan.oneill@example.com", "en", "US", "CA", Takes),
    (2, "Jürgen Müller", "juergen.mueller@example.org", "de-DE", "DE", "", Greylists),
    (3, "王小明", "wang@example.org", "zh-CN", "US", "NY", Takes),
    (4, "Nguyễn Thị Ánh", "nguyen@mail.example.net", "en-US", "US", "TX", Takes),
    (5, "José Muñoz Peña", "jose@example.com", "es", "US", "CA", Takes),
    (6, "عمر", "omar@example.net", "ar", "GB", "", Greylists),
    (7, "Robin <b>Bold</b> Ray", "b.tag@example.com", "en", "US", "GA", Takes),
    (8, "Smith, Pat, Jr.", "smith@example.org", "en", "US", "NM", Takes),
    (9, "", "no.name@example.net", "en", "US", "CA", Takes),
    (10, "Q", "q@example.org", "en-GB", "GB", "", Takes),
    (11, "Ada Example", "family@home.example.net", "en", "US", "NY", Takes),
    (12, "Ben Example", "family@home.example.net", "en", "US", "NY", Takes),
    (13, "Lena Groß", "lena@bücher.example.com", "en", "DE", "", Takes),
    // The same mailbox in its other spelling (RFC 5890): a duplicate.
    (13, "Lena Groß", "lena@XN--BCHER-KVA.Example.Com", "en", "DE", "", Takes),
    (14, "Nadia Example", "", "en", "US", "WA", Takes),
    (15, "Tom Example", "tom.example.org", "en", "US", "FL", Takes),
    (16, "Zoë Łukasiewicz", "zoe@sub.mail.example.org", "en", "US", "NM", NoSuchUser),
    (17, "María de los Ángeles Fernández-Villaverde", "maria+travel@example.net", "es-ES", "ES", "", Busy),
    (18, "Inés Example", SUPPRESSED, "es-US", "US", "NM", Takes),
    (19, "Éamon Ó Briain", "o'brien@example.org", "en", "US", "NY", Takes),
    // A second booking: a duplicate.
    (19, "Éamon Ó Briain", "o'brien@example.org", "en", "US", "NY", Takes),
    (20, "Kim Example", "kim@example.com, kim@example.org", "en", "US", "CA", Takes),
    (21, "Dee \"DJ\" R & D", "amp@example.com", "en", "US", "CA", Full),
    (22, "=SUM(A1:A9)", "formula@example.net", "en", "US", "TX", Takes),
    // Ada's number with another address: which of them is she?
    (11, "Ada Example", "ada@example.org", "en", "US", "NY", Takes),
    (23, "Ольга Ильина", "olga@example.org", "ru", "US", "TX", Takes),
    (24, "José García", "josé.garcía@example.com", "es", "ES", "", Takes),
];
/// The customer numbers that the rows above take.
const DIFFICULT_NUMBERS: u32 = 24;

/// A name and how it stands in an address.
type Name = (&'static str, &'static str);
const FIRST: [Name; 18] = [
    ("Anna", "anna"),
    ("José", "jose"),
    ("Zoë", "zoe"),
    ("Grace", "grace"),
    ("Łukasz", "lukasz"),
    ("Mehmet", "mehmet"),
    ("Aoife", "aoife"),
    ("Jean-Luc", "jean-luc"),
    ("Ngọc", "ngoc"),
    ("Søren", "soren"),
    ("Priya", "priya"),
    ("Olga", "olga"),
    ("Kwame", "kwame"),
    ("Ana María", "ana.maria"),
    ("Björn", "bjorn"),
    ("Yuki", "yuki"),
    ("Sam", "sam"),
    ("Inês", "ines"),
];
const LAST: [Name; 19] = [
    ("O'Neill", "o'neill"),
    ("Müller", "mueller"),
    ("Nguyễn", "nguyen"),
    ("García", "garcia"),
    ("Smith", "smith"),
    ("D'Angelo", "d'angelo"),
    ("Østergård", "ostergard"),
    ("Kowalczyk", "kowalczyk"),
    ("Okafor", "okafor"),
    ("de la Cruz", "delacruz"),
    ("Yılmaz", "yilmaz"),
    ("Ito", "ito"),
    ("Ó Briain", "obriain"),
    ("Silva", "silva"),
    ("Patel", "patel"),
    ("Johnson", "johnson"),
    ("Çelik", "celik"),
    ("Šimić", "simic"),
    ("Brown", "brown"),
];
const DOMAINS: [&str; 7] = [
    "example.com",
    "example.org",
    "example.net",
    "mail.example.com",
    "post.example.org",
    "home.example.net",
    "sub.mail.example.org",
];
/// Country, state, language: seven in ten in the USA.
const PLACES: [(&str, &str, &str); 10] = [
    ("US", "CA", "en"),
    ("US", "NY", "en"),
    ("US", "TX", "es"),
    ("US", "GA", "en"),
    ("GB", "", "en-GB"),
    ("US", "FL", "es-US"),
    ("US", "WA", "en-US"),
    ("DE", "", "de"),
    ("US", "NM", "en"),
    ("ES", "", "es-ES"),
];
/// Days from the incident's first to its last.
const DAYS: [&str; 17] = [
    "2017-09-26",
    "2017-09-27",
    "2017-09-28",
    "2017-09-29",
    "2017-09-30",
    "2017-10-01",
    "2017-10-02",
    "2017-10-03",
    "2017-10-04",
    "2017-10-05",
    "2017-10-06",
    "2017-10-07",
    "2017-10-08",
    "2017-10-09",
    "2017-10-10",
    "2017-10-11",
    "2017-10-12",
];

/// The first `count` rows: the difficult ones, then as many others as it takes.
pub fn people(count: u32) -> Vec<Person> {
    let difficult = DIFFICULT.into_iter().map(|(number, name, address, language, country, state, fate)| {
        (number, name.to_owned(), address.to_owned(), (country, state, language), fate)
    });
    let others = (0..).map(ordinary);
    let rows = difficult.chain(others).zip(0..count);
    rows.map(|((number, name, address, (country, state, language), fate), row)| Person {
        customer: DemoCustomer {
            booking: format!("EXA{:06}", row + 1),
            booked_on: pick(&DAYS, row * 5).to_owned(),
            id: format!("C-{number:04}"),
            full_name: name,
            email_address: address,
            language: language.to_owned(),
            country: country.to_owned(),
            state: (!state.is_empty()).then(|| state.to_owned()),
        },
        fate,
    })
    .collect()
}

fn ordinary(n: u32) -> (u32, String, String, (&'static str, &'static str, &'static str), Fate) {
    let ((first, first_plain), (last, last_plain)) = (pick(&FIRST, n), pick(&LAST, n));
    let number = DIFFICULT_NUMBERS + 1 + n;
    let address = format!("{first_plain}.{last_plain}{number}@{}", pick(&DOMAINS, n));
    (number, format!("{first} {last}"), address, pick(&PLACES, n), fate(n))
}

/// About one in nine is put off once, and three in a hundred are refused for good: enough to see, and well under the
/// share at which a campaign pauses itself.
fn fate(n: u32) -> Fate {
    match (n % 60, n % 110, n % 12, n % 40) {
        (11, _, _, _) => NoSuchUser,
        (_, 37, _, _) => Closed,
        (_, 73, _, _) => Full,
        (_, _, 5, _) => Greylists,
        (_, _, _, 23) => Busy,
        _ => Takes,
    }
}

fn pick<T: Copy, const LEN: usize>(from: &[T; LEN], n: u32) -> T {
    from[n as usize % LEN]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_address_lies_in_a_domain_that_is_reserved_for_examples() {
        for Person { customer, .. } in people(2_000) {
            let address = customer.email_address.to_ascii_lowercase();
            let reserved = ["example.com", "example.org", "example.net"].iter().any(|end| address.ends_with(end));
            assert!(reserved || address.is_empty(), "{address}");
        }
    }

    #[test]
    fn a_booking_is_a_row_and_an_ordinary_customer_has_one() {
        let people = people(2_000);
        let distinct = |of: fn(&Person) -> &str, people: &[Person]| people.iter().map(of).collect::<HashSet<_>>().len();
        assert_eq!(distinct(|person| &person.customer.booking, &people), 2_000);
        let ordinary = &people[DIFFICULT.len()..];
        assert_eq!(distinct(|person| &person.customer.id, ordinary), ordinary.len());
        assert_eq!(distinct(|person| &person.customer.email_address, ordinary), ordinary.len());
    }

    #[test]
    fn too_few_are_refused_for_the_campaign_to_pause_itself() {
        let people = people(10_000);
        for first in [100, 250, 1_000, 5_000, 10_000] {
            let refused = |person: &&Person| matches!(person.fate, NoSuchUser | Closed | Full);
            let share = people[..first].iter().filter(refused).count() * 100 / first;
            assert!(share < 6, "{share} of 100 among the first {first}");
        }
    }
}
