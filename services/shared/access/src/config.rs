use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The longest tolerated skew and cache time, in seconds: both stretch the life of a token.
const MAX_STRETCH_S: u32 = 300;

/// Whose tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessConfig {
    /// The `iss` that a token must carry.
    pub issuer: String,
    /// The `aud` that a token must carry, alone or among others.
    pub audience: String,
    /// Where the issuer's public keys are: `{ file = "..." }` or `{ url = "..." }`.
    pub keys: KeySource,
    /// How far our clock and the issuer's may be apart, in seconds: 0 to 300.
    pub skew_s: u32,
    /// How long a verified token is remembered, in seconds: 0 (not at all) to 300. A key that leaves the
    /// set still works for that long; a token never beyond its expiry.
    pub cache_s: u32,
}

/// Where a JSON Web Key Set (RFC 7517) is read from, again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeySource {
    /// Looked at every few seconds, read again when it has changed.
    File(PathBuf),
    /// `https` (`http` on loopback only). Fetched every ten minutes, and when a token names an unknown key.
    Url(String),
}

/// A setting that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("access.{setting}: {problem}")]
pub struct ConfigError {
    /// The setting's name within the section `access`.
    pub setting: &'static str,
    pub problem: String,
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self {
            issuer: "tandem".to_owned(),
            audience: "tandem".to_owned(),
            keys: KeySource::File("jwks.json".into()),
            skew_s: 30,
            cache_s: 10,
        }
    }
}

impl AccessConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let fail = |setting, problem: &str| Err(ConfigError { setting, problem: problem.to_owned() });
        if self.issuer.is_empty() {
            return fail("issuer", "must be set");
        }
        if self.audience.is_empty() {
            return fail("audience", "must be set");
        }
        if self.skew_s > MAX_STRETCH_S {
            return fail("skew_s", "must be at most 300");
        }
        if self.cache_s > MAX_STRETCH_S {
            return fail("cache_s", "must be at most 300");
        }
        Ok(())
    }
}

impl ConfigError {
    pub(crate) fn keys(problem: impl std::fmt::Display) -> Self {
        Self { setting: "keys", problem: problem.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_limited() {
        let text = r#"{ "issuer": "i", "keys": { "url": "https://issuer/jwks" }, "skew_s": 301 }"#;
        let config: AccessConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config.keys, KeySource::Url("https://issuer/jwks".to_owned()));
        assert_eq!(config.cache_s, AccessConfig::default().cache_s);
        assert_eq!(config.check().unwrap_err().to_string(), "access.skew_s: must be at most 300");
        assert!(serde_json::from_str::<AccessConfig>(r#"{ "isuer": "i" }"#).is_err());
        assert_eq!(AccessConfig::default().check(), Ok(()));
    }
}
