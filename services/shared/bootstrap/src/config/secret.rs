use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MASK: &str = "***";

/// A value that is never printed: in a file `token = "…"`, or `token = { file = "/run/secrets/token" }`,
/// whose content is read when the configuration is loaded (white space at both ends is cut off).
///
/// `Debug` prints `***`, and so does `Serialize`: a default can be empty or a file, not a value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret {
    value: String,
    file: Option<PathBuf>,
}

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: value.into(), file: None }
    }

    /// Reads the secret from `path`.
    ///
    /// # Errors
    ///
    /// When the file can't be read or holds nothing.
    pub fn from_file(path: impl Into<PathBuf>) -> std::io::Result<Self> {
        let path = path.into();
        let value = std::fs::read_to_string(&path)?.trim().to_owned();
        if value.is_empty() {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "the file is empty"));
        }
        Ok(Self { value, file: Some(path) })
    }

    /// The value itself; for the one place that sends or checks it.
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// No secret was given.
    pub fn is_empty(&self) -> bool {
        self.value.is_empty()
    }

    /// Where the value was read from, to read it again when it is renewed.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(file) = &self.file {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry("file", file)?;
            return map.end();
        }
        serializer.serialize_str(if self.is_empty() { "" } else { MASK })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InFile {
    file: PathBuf,
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or { file = \"path\" }")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Secret, E> {
        if value == MASK {
            return Err(E::custom("is the mask that secrets are printed as, not a secret"));
        }
        Ok(Secret::new(value))
    }

    // Variables of the environment that look like a number or a truth value arrive as one.
    fn visit_u64<E: Error>(self, value: u64) -> Result<Secret, E> {
        Ok(Secret::new(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Secret, E> {
        Ok(Secret::new(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Secret, E> {
        Ok(Secret::new(value.to_string()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Secret, E> {
        Ok(Secret::new(value.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Secret, A::Error> {
        let InFile { file } = InFile::deserialize(MapAccessDeserializer::new(map))?;
        let shown = file.display().to_string();
        Secret::from_file(file).map_err(|error| A::Error::custom(format!("can't read {shown}: {error}")))
    }
}
