//! Environment variables over the configuration: `UNDERCURRENT_FLOW__MAX_FLOWS=1000` is `flow.max_flows = 1000`.

use super::{Config, ConfigError, KEYS, known_keys, unknown};

/// What the names of variables begin with.
const PREFIX: &str = "UNDERCURRENT_";

/// Applies variables in the order of their names. Those that begin as ours but name no section (no `__`) and no key are another's.
pub(super) fn apply(
    mut config: Config,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let mut variables: Vec<(String, String)> = variables.filter(|(name, _)| key_of(name).is_some()).collect();
    variables.sort();
    for (variable, value) in variables {
        let Some(key) = key_of(&variable) else { continue };
        config =
            set(&config, &key, &value).map_err(|message| ConfigError::Environment { variable, message })?;
    }
    Ok(config)
}

fn key_of(variable: &str) -> Option<String> {
    let name = variable.strip_prefix(PREFIX)?;
    let key = name.to_lowercase().replace("__", ".");
    (name.contains("__") || KEYS.iter().any(|(known, _)| *known == key)).then_some(key)
}

fn set(config: &Config, key: &str, text: &str) -> Result<Config, String> {
    let as_text = toml::Value::String(text.to_owned()).to_string();
    // What is no TOML is meant as text; so is TOML of a type that does not fit, such as a name that is a number.
    let mut error = String::new();
    for value in [text, as_text.as_str()] {
        let line = format!("{key} = {value}");
        if let Some(unknown) = unknown::unknown_key(&line, &known_keys()) {
            return Err(unknown.complaint());
        }
        match toml::from_str::<toml::Table>(&line)
            .map_err(|e| e.to_string())
            .and_then(|t| merge(config, key, &t))
        {
            Ok(config) => return config.check().map(|()| config),
            Err(why) if error.is_empty() => error = why,
            Err(_) => {}
        }
    }
    Err(format!("{text:?} does not fit `{key}`: {}", error.trim_end()))
}

/// The configuration with the one value of `changed` in the place of its own.
fn merge(config: &Config, key: &str, changed: &toml::Table) -> Result<Config, String> {
    let mut whole = toml::Table::try_from(config).map_err(|e| e.to_string())?;
    let (section, name) = key.split_once('.').unwrap_or(("", key));
    let (from, to) = if section.is_empty() {
        (Some(changed), Some(&mut whole))
    } else {
        let inner = changed.get(section).and_then(toml::Value::as_table);
        (inner, whole.get_mut(section).and_then(toml::Value::as_table_mut))
    };
    let (Some(value), Some(to)) = (from.and_then(|table| table.get(name)), to) else {
        return Err("it is no single value".to_owned());
    };
    to.insert(name.to_owned(), value.clone());
    whole.try_into().map_err(|e: toml::de::Error| e.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        apply(Config::default(), variables).map_err(|e| e.to_string())
    }

    #[test]
    fn variables_are_keys() {
        let config = with(&[
            ("UNDERCURRENT_FLOW__MAX_FLOWS", "17"),
            ("UNDERCURRENT_WEB__LISTEN_ADDRESS", "0.0.0.0:9000"),
            ("UNDERCURRENT_LOCAL", "[\"10.0.0.0/8\"]"),
            ("UNDERCURRENT_STATE__DIRECTORY", "\"/srv/a\""),
            ("UNDERCURRENT_DATA", "another program's"),
            ("HOME", "/"),
        ])
        .unwrap();
        assert_eq!(config.flow.max_flows, 17);
        assert_eq!(config.web.listen_address.port(), 9000);
        assert_eq!(config.local.len(), 1);
        assert_eq!(config.state.directory.to_str(), Some("/srv/a"));
        assert_eq!(with(&[]).unwrap(), Config::default());
    }

    #[test]
    fn mistakes_are_named() {
        for (name, value, expected) in [
            ("UNDERCURRENT_FLOW__MAX_FLOW", "3", "did you mean `flow.max_flows`?"),
            ("UNDERCURRENT_FLOW__MAX_FLOWS", "many", "\"many\" does not fit `flow.max_flows`"),
            ("UNDERCURRENT_DETECT__ALERTS_A_DAY", "-1.0", "above 0"),
            ("UNDERCURRENT_LOG__LEVEL", "loud", "does not fit `log.level`"),
        ] {
            let message = with(&[(name, value)]).unwrap_err();
            assert!(message.starts_with(name) && message.contains(expected), "{message}");
        }
    }
}
