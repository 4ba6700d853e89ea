//! The client's side of SMTP against servers that say anything: nothing is believed that was not said.

mod any_server;

use proptest::prelude::*;

use any_server::try_with;

const BANNER: &str = "220 x ESMTP\r\n";
const EHLO: &str = "250-x\r\n250-PIPELINING\r\n250 SIZE 1000000\r\n";
const READY: &str = "250 a\r\n250 b\r\n354 c\r\n";
const TURN: &str = "250 d\r\n250 a\r\n250 b\r\n354 c\r\n";

/// What servers say, and what none should.
fn word() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "250 ok\r\n",
        "250 ok\r\n",
        "250 ok\r\n",
        "354 go on\r\n",
        "354 go on\r\n",
        "550 5.1.1 no\r\n",
        "451 4.3.0 later\r\n",
        "421 4.3.2 bye\r\n",
        "250-one\r\n250 two\r\n",
        "251 forwarded\r\n",
        "503 5.5.1 no\r\n",
        "299 odd\r\n",
        "250 bare\n",
        "250-mixed\r\n550 codes\r\n",
        "25",
        "0 ok\r\n",
        "\r\n",
        "\0",
        "250",
        "334 more\r\n",
        "220 again\r\n",
    ];
    prop_oneof![
        12 => proptest::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => Just(TURN.as_bytes().to_vec()),
        5 => proptest::collection::vec(word(), 0..6).prop_map(|words| words.concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn nothing_is_believed_accepted_that_was_not(pieces in proptest::collection::vec(piece(), 0..8), closes: bool) {
        let opening = [BANNER, EHLO, READY].map(|text| text.as_bytes().to_vec());
        try_with(opening.into_iter().chain(pieces).collect(), closes);
    }

    #[test]
    fn an_opening_may_be_anything(pieces in proptest::collection::vec(piece(), 0..10), closes: bool) {
        try_with(pieces, closes);
    }
}

/// So many in a usual run; with `TESTS_FULL` ten times as many.
fn cases() -> u32 {
    if std::env::var_os("TESTS_FULL").is_some() { 50_000 } else { 5_000 }
}

#[test]
fn memory_and_time_stay_bounded_whatever_comes() {
    let endless = b"250-x\r\n".repeat(200_000);
    let wide = vec![b'2'; 1 << 20];
    for flood in [endless, wide, b"250 ok\r\n".repeat(100_000), vec![0; 1 << 20]] {
        try_with(vec![flood.clone()], false);
        let opening = [BANNER, EHLO, READY].map(|text| text.as_bytes().to_vec());
        try_with(opening.into_iter().chain([flood]).collect(), false);
    }
}
