use std::path::Path;

use figment::error::Kind;

/// A configuration that can't be used. Ends the process with [`crate::EXIT_BAD_CONFIGURATION`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("setting `{setting}` ({place}): {problem}")]
pub struct ConfigError {
    /// The setting as in the file, such as `server.max_in_flight`, or the file's path.
    pub setting: String,
    /// Where it can be set: the variable, and the file when there is one.
    pub place: String,
    /// What is wrong, for people; never a secret's value.
    pub problem: String,
}

impl ConfigError {
    /// A setting that was read but that makes no sense, such as an origin that is no URL.
    pub fn invalid(setting: &str, problem: impl std::fmt::Display) -> Self {
        Self { setting: setting.to_owned(), place: "configuration".to_owned(), problem: problem.to_string() }
    }

    pub(super) fn new(error: figment::Error, path: Option<&Path>, env_prefix: &str) -> Self {
        let mut keys = error.path.clone();
        let problem = match &error.kind {
            // Unlike a missing one, it stands in the path already.
            Kind::UnknownField(_, expected) => format!("unknown, expected one of {}", expected.join(", ")),
            Kind::MissingField(name) => {
                keys.push(name.clone().into_owned());
                "missing".to_owned()
            }
            kind => kind.to_string(),
        };
        let file = path.map(|path| path.display().to_string());
        if keys.is_empty() {
            let setting = file.unwrap_or_else(|| "defaults".to_owned());
            return Self { setting, place: "file".to_owned(), problem };
        }
        let variable = format!("variable {env_prefix}{}", keys.join("__").to_uppercase());
        let place = match file {
            Some(file) => format!("{variable} or file {file}"),
            None => variable,
        };
        Self { setting: keys.join("."), place, problem }
    }

    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let problem = format!("can't be read: {error}");
        Self { setting: path.display().to_string(), place: "file".to_owned(), problem }
    }
}
