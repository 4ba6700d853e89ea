//! The columns that mean something to this program, and under which other names people export them.

/// A column that is more than a template value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The address. The one column that a list must have.
    Email,
    /// The customer's reference, unique in the campaign; without it the address stands in.
    Ref,
    /// The customer's name, as it goes into `To`.
    Name,
    /// The language that the customer is written in.
    Locale,
    /// Where the customer lives: `US-CA`, `EU-DE`, `UK`.
    Jurisdiction,
    /// On what ground this customer may be told by e-mail.
    ChannelBasis,
}

/// All names, for messages.
pub(super) const FIELD_NAMES: &str = "email, ref, name, locale, jurisdiction, channel_basis";

impl Field {
    /// Every field, in the order in which columns are given out.
    pub const ALL: [Self; 6] =
        [Self::Email, Self::Ref, Self::Name, Self::Locale, Self::Jurisdiction, Self::ChannelBasis];

    /// The word for it in lists, `--map` and rejected rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Ref => "ref",
            Self::Name => "name",
            Self::Locale => "locale",
            Self::Jurisdiction => "jurisdiction",
            Self::ChannelBasis => "channel_basis",
        }
    }

    /// The field of a word, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str().eq_ignore_ascii_case(text))
    }

    /// Whether exports often call the field `column`. Only letters and digits count, in any case.
    pub(super) fn is_often_called(self, column: &str) -> bool {
        let bare: String = column.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        self.other_names().contains(&bare.as_str())
    }

    /// Names seen in exports of address books, shops and CRM systems, English and Spanish, reduced to letters.
    const fn other_names(self) -> &'static [&'static str] {
        match self {
            Self::Email => {
                &["email", "emailaddress", "mail", "mailaddress", "correo", "correoelectrónico", "correoelectronico"]
            }
            Self::Ref => &["ref", "customerid", "customerref", "customerreference", "reference", "id"],
            Self::Name => &["name", "fullname", "nombre", "nombrecompleto"],
            Self::Locale => &["locale", "language", "lang", "idioma"],
            Self::Jurisdiction => &["jurisdiction"],
            Self::ChannelBasis => &["channelbasis"],
        }
    }
}
