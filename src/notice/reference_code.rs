//! The code in a notice by which customer service finds the letter a caller holds.
//!
//! Decides its form: ten characters of Crockford's base32 (<https://www.crockford.com/base32.html>) from the recipient's
//! key, and his check character. Never says anything about the customer: it leads back to them only with the key.

use crate::crypto::{self, Hash};

/// Crockford's digits: no I, L, O, U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The further values of the check character, 32 to 36.
const CHECK_ONLY: &[u8; 5] = b"*~$=U";
/// Fifty bits: among a million recipients, the chance that any two share a code is one in two thousand.
const CODE_DIGITS: usize = 10;
const BITS_PER_DIGIT: usize = 5;
/// Crockford's modulus: the least prime over 32, so one wrong or two swapped characters never go unseen.
const CHECK_MODULUS: u64 = 37;

/// The code of a recipient: eleven characters, the same in every attempt.
pub fn reference_code(key: &Hash) -> String {
    let mac = crypto::hmac_sha256(key, b"candor/reference-code/1");
    let mut value = 0_u64;
    for octet in &mac[..8] {
        value = (value << 8) | u64::from(*octet);
    }
    value >>= u64::BITS as usize - CODE_DIGITS * BITS_PER_DIGIT;
    let mut code = base32(value, CODE_DIGITS);
    code.push(check_character(value));
    code
}

/// Reads a code as somebody typed or dictated it: case, spaces and hyphens do not matter, I and L are 1, O is 0.
///
/// Gives the form that [`reference_code`] makes, or `None` where the check character does not fit.
pub fn parse_reference_code(typed: &str) -> Option<String> {
    let plain: Vec<char> =
        typed.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).collect();
    if plain.len() != CODE_DIGITS + 1 {
        return None;
    }
    let mut value = 0;
    for typed in &plain[..CODE_DIGITS] {
        let meant = meant_digit(*typed);
        let digit = DIGITS.iter().position(|digit| char::from(*digit) == meant)?;
        value = value * 32 + digit as u64;
    }
    let check = check_character(value);
    let fits = plain[CODE_DIGITS] == check || meant_digit(plain[CODE_DIGITS]) == check;
    fits.then(|| format!("{}{check}", base32(value, CODE_DIGITS)))
}

/// Octets as lower-case base32 digits, five bits each from the front; a last group under five bits is left out.
pub(super) fn base32_of(octets: &[u8]) -> String {
    let mut out = String::with_capacity(octets.len() * 8 / BITS_PER_DIGIT);
    let (mut held, mut bits) = (0_u32, 0);
    for octet in octets {
        held = (held << 8) | u32::from(*octet);
        bits += 8;
        while bits >= BITS_PER_DIGIT {
            bits -= BITS_PER_DIGIT;
            out.push(char::from(DIGITS[(held >> bits) as usize & 31]).to_ascii_lowercase());
            held &= (1 << bits) - 1;
        }
    }
    out
}

fn base32(value: u64, digits: usize) -> String {
    let places = (0..digits).rev();
    places.map(|place| char::from(DIGITS[(value >> (place * BITS_PER_DIGIT)) as usize & 31])).collect()
}

fn check_character(value: u64) -> char {
    let rest = (value % CHECK_MODULUS) as usize;
    char::from(if rest < DIGITS.len() { DIGITS[rest] } else { CHECK_ONLY[rest - DIGITS.len()] })
}

fn meant_digit(typed: char) -> char {
    match typed {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_eleven_characters_and_fixed_by_the_key() {
        let code = reference_code(&[7; 32]);
        assert_eq!(code.len(), 11);
        assert_eq!(code, reference_code(&[7; 32]));
        assert_ne!(code, reference_code(&[8; 32]));
    }

    #[test]
    fn a_code_is_read_as_people_write_it() {
        for key in 0..50 {
            let code = reference_code(&[key; 32]);
            assert_eq!(parse_reference_code(&code), Some(code.clone()));
            let sloppy = format!(" {}-{} ", code[..5].to_lowercase().replace('0', "o").replace('1', "l"), &code[5..]);
            assert_eq!(parse_reference_code(&sloppy), Some(code));
        }
    }

    #[test]
    fn a_wrong_or_swapped_character_is_noticed() {
        let code: Vec<char> = reference_code(&[9; 32]).chars().collect();
        for place in 0..code.len() {
            let mut wrong = code.clone();
            wrong[place] = if wrong[place] == '2' { '3' } else { '2' };
            assert_eq!(parse_reference_code(&wrong.iter().collect::<String>()), None);
            if place > 0 && code[place] != code[place - 1] {
                let mut swapped = code.clone();
                swapped.swap(place, place - 1);
                assert_eq!(parse_reference_code(&swapped.iter().collect::<String>()), None);
            }
        }
        assert_eq!(parse_reference_code(""), None);
        assert_eq!(parse_reference_code("王王王王王王王王王王王"), None);
    }

    #[test]
    fn crockfords_own_example_has_his_check_character() {
        // 1234 is 16J; with its check symbol 16JD.
        assert_eq!((base32(1234, 3).as_str(), check_character(1234)), ("16J", 'D'));
        assert_eq!(base32_of(&[0xff, 0, 0xff]), "zw0f");
    }
}
