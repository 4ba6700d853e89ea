//! What `campaign settings` says of one campaign: its own rate, relays, window and connections.

use serde::{Deserialize, Serialize};

use super::ApprovalError;
use crate::config::Settings;
use crate::domain::rate::Rate;
use crate::domain::when::Window;

/// A campaign's own settings, as kept with it. What is not set follows candor.toml.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// At most so fast, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate: Option<String>,
    /// Only over these relays, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relays: Vec<String>,
    /// Only within these hours, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<String>,
    /// At most so many connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
}

impl Plan {
    /// As kept in the database.
    ///
    /// # Errors
    /// [`ApprovalError::Settings`] for something this program did not write.
    pub fn from_json(text: &str) -> Result<Self, ApprovalError> {
        serde_json::from_str(text).map_err(|error| ApprovalError::Settings(format!("the campaign's settings: {error}")))
    }

    /// For the database.
    pub fn to_json(&self) -> String {
        // A struct of texts and numbers always has a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Sets the campaign's own rate.
    pub fn set_rate(&mut self, rate: Rate) {
        self.rate = Some(rate.to_string());
    }

    /// Sets the campaign's own window.
    pub fn set_window(&mut self, window: Window) {
        self.window = Some(window.to_string());
    }

    /// The rate in force: its own, else `delivery.rate`.
    pub fn rate(&self, settings: &Settings) -> Rate {
        self.rate.as_deref().and_then(|text| text.parse().ok()).unwrap_or(settings.delivery.rate)
    }

    /// The window in force; `None`: at any hour.
    pub fn window(&self) -> Option<Window> {
        self.window.as_deref().and_then(|text| text.parse().ok())
    }

    /// The names of the relays that it may use, in order.
    pub fn relay_names(&self, settings: &Settings) -> Vec<String> {
        if self.relays.is_empty() {
            settings.relays.iter().map(|relay| relay.name.clone()).collect()
        } else {
            self.relays.clone()
        }
    }
}
