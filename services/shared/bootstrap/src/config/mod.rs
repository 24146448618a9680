//! Configuration: defaults, then a TOML file, then the environment.

mod error;
mod secret;
mod sections;

use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use figment::value::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::ConfigError;
pub use secret::Secret;
pub use sections::{LogFormat, ServerConfig, TelemetryConfig, Tls};

/// Reads a configuration: `T::default()`, over it the TOML file, over it variables that begin with
/// `env_prefix` (such as `TANDEM_CONVERSATION_`), `__` standing between a section and its settings:
/// `TANDEM_CONVERSATION_SERVER__MAX_IN_FLIGHT=64`. A list is written `[a, b]`.
///
/// Give `T` and its sections `#[serde(default, deny_unknown_fields)]`, so that an unknown key is an
/// error. A variable whose first part is none of `T`'s fields is not ours and is passed over:
/// Kubernetes injects such ones (`TANDEM_CONVERSATION_SERVICE_HOST`) for services of the same name.
///
/// # Errors
///
/// A file that can't be read, a setting that has the wrong type, is unknown, or whose secret's file
/// can't be read. The error names the setting and its variable, never a secret's value.
pub fn load<T>(path: Option<&Path>, env_prefix: &str) -> Result<T, ConfigError>
where
    T: DeserializeOwned + Default + Serialize,
{
    // A variable that is not UTF-8 can't be one of ours: names and values of ours are text.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    load_with(path, env_prefix, variables)
}

fn load_with<T>(
    path: Option<&Path>,
    env_prefix: &str,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<T, ConfigError>
where
    T: DeserializeOwned + Default + Serialize,
{
    let named = |error| ConfigError::new(error, path, env_prefix);
    let defaults = Value::serialize(T::default()).map_err(named)?;
    let mut figment = Figment::from(Serialized::defaults(&defaults));
    if let Some(path) = path {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
        figment = figment.merge(Toml::string(&text));
    }
    for (name, value) in variables {
        let Some(key) = name.strip_prefix(env_prefix) else { continue };
        let key = key.to_lowercase().replace("__", ".");
        let section = key.split('.').next().unwrap_or_default();
        if defaults.find_ref(section).is_some() {
            figment = figment.merge(Serialized::default(&key, typed(&value)));
        }
    }
    figment.extract().map_err(named)
}

/// A variable's value with a type, but only where that loses nothing: the secret `0123` stays text.
fn typed(raw: &str) -> Value {
    let exact = matches!(raw, "true" | "false")
        || raw.parse().is_ok_and(|number: u64| number.to_string() == raw)
        || raw.parse().is_ok_and(|number: i64| number.to_string() == raw)
        || raw.parse().is_ok_and(|number: f64| number.to_string() == raw);
    if exact || raw.starts_with(['[', '{', '"']) {
        raw.parse().unwrap_or_else(|never: std::convert::Infallible| match never {})
    } else {
        Value::from(raw)
    }
}

#[cfg(test)]
mod tests;
