//! The part of the configuration that decides the outcome of a replay: what a summary holds of it, and reads back.

use super::{Config, ConfigError};

/// Its sections. The others are the live sensor's: they decide no verdict, and hold addresses and secrets that have no place in a
/// summary that is published.
const SECTIONS: [&str; 7] = ["local", "assets", "allowlist", "detect", "decode", "flow", "features"];

impl Config {
    /// The sections that a replay reads, as JSON.
    ///
    /// # Errors
    /// Where they cannot be written as JSON: a fault of the program.
    pub fn to_replay_json(&self) -> serde_json::Result<serde_json::Value> {
        let mut json = serde_json::to_value(self)?;
        if let Some(sections) = json.as_object_mut() {
            sections.retain(|section, _| SECTIONS.contains(&section.as_str()));
        }
        Ok(json)
    }

    /// A configuration from what [`Config::to_replay_json`] gave. Keys that are missing have their defaults.
    ///
    /// # Errors
    /// Where a key is not known, or a value does not fit.
    pub fn from_replay_json(origin: &std::path::Path, json: &serde_json::Value) -> Result<Self, ConfigError> {
        let invalid = |message| ConfigError::Invalid { path: origin.to_owned(), message };
        let config: Self = serde_json::from_value(json.clone())
            .map_err(|e| invalid(format!("the configuration in it does not fit this version: {e}")))?;
        config.check().map_err(invalid)?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new section belongs in one of the two lists.
    #[test]
    fn every_section_is_a_replays_or_the_sensors() {
        const SENSOR: [&str; 11] = [
            "capture",
            "netflow",
            "state",
            "findings",
            "webhook",
            "alertmanager",
            "syslog",
            "metrics",
            "web",
            "sandbox",
            "log",
        ];
        let json = serde_json::to_value(Config::default()).unwrap();
        let mut known = [&SECTIONS[..], &SENSOR[..]].concat();
        known.sort_unstable();
        let mut sections: Vec<&String> = json.as_object().unwrap().keys().collect();
        sections.sort_unstable();
        assert_eq!(sections, known);
    }

    #[test]
    fn is_read_back_as_it_was() {
        let mut config = Config { local: vec!["10.9.0.0/16".parse().unwrap()], ..Config::default() };
        config.allowlist.entries = vec!["*.example.com:443".to_owned()];
        config.detect.alerts_a_day = 0.1 + 0.2;
        config.flow.max_flows = 1234;
        let text = serde_json::to_string(&config.to_replay_json().unwrap()).unwrap();
        let json = serde_json::from_str(&text).unwrap();
        let read = Config::from_replay_json("summary.json".as_ref(), &json).unwrap();
        assert_eq!(read, config);
    }

    #[test]
    fn what_does_not_fit_is_told_with_the_file() {
        for (json, says) in [
            (serde_json::json!({"flow": {"max_flow": 3}}), "unknown field `max_flow`"),
            (serde_json::json!({"detect": {"alerts_a_day": 0.0}}), "must be above 0"),
        ] {
            let error = Config::from_replay_json("summary.json".as_ref(), &json).unwrap_err().to_string();
            assert!(error.contains("summary.json") && error.contains(says), "{error}");
        }
    }
}
