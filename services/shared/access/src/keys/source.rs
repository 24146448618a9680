use std::fs::Metadata;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use reqwest::Url;

use super::{Keys, parse};
use crate::{ConfigError, KeySource};

/// The largest key set that is read, in bytes: real ones have a few thousand.
const MAX_BYTES: usize = 1024 * 1024;

/// How long a fetch may take: a call may wait for it.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a key set comes from, ready to read.
#[derive(Debug)]
pub(super) enum Source {
    File(PathBuf),
    Url { url: Url, client: reqwest::Client },
}

/// Tells one state of a source from another. An answer of a URL has none: each is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp {
    File { seconds: i64, nanoseconds: i64, bytes: u64, inode: u64 },
    Fetched,
}

impl Source {
    pub(super) fn open(source: &KeySource) -> Result<Self, ConfigError> {
        let text = match source {
            KeySource::File(path) => return Ok(Self::File(path.clone())),
            KeySource::Url(text) => text,
        };
        let url = Url::parse(text).map_err(|error| ConfigError::keys(format!("url: {error}")))?;
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
            // Whoever can change the keys on their way can make tokens.
            return Err(ConfigError::keys("url: must be https, or http on loopback"));
        }
        let client = reqwest::Client::builder()
            .timeout(FETCH_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(ConfigError::keys)?;
        Ok(Self::Url { url, client })
    }

    /// How often to look.
    pub(super) fn period(&self) -> TimeDelta {
        match self {
            Self::File(_) => TimeDelta::seconds(5),
            Self::Url { .. } => TimeDelta::minutes(10),
        }
    }

    /// When to look again after a failure.
    pub(super) fn retry(&self) -> TimeDelta {
        match self {
            Self::File(_) => TimeDelta::seconds(5),
            Self::Url { .. } => TimeDelta::seconds(30),
        }
    }

    /// The least time between two looks that unknown keys cause.
    pub(super) fn gap(&self, loaded: bool) -> TimeDelta {
        match self {
            Self::Url { .. } if loaded => TimeDelta::seconds(10),
            _ => TimeDelta::seconds(1),
        }
    }

    /// Whether a call may wait for a look that it does not need.
    pub(super) fn is_quick(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// A file's keys at start; `None` for a URL.
    pub(super) fn read_now(&self) -> Result<Option<(Stamp, Keys)>, String> {
        let Self::File(path) = self else { return Ok(None) };
        // The stamp is taken before the text: a change between the two is seen at the next look.
        let stamp = stamp(&std::fs::metadata(path).map_err(text)?)?;
        let keys = parse::keys(&std::fs::read(path).map_err(text)?)?;
        Ok(Some((stamp, keys)))
    }

    /// The keys as they are now; `None` when nothing has changed since `known`.
    pub(super) async fn read(&self, known: Option<Stamp>) -> Result<Option<(Stamp, Keys)>, String> {
        match self {
            Self::File(path) => {
                let stamp = stamp(&tokio::fs::metadata(path).await.map_err(text)?)?;
                if known == Some(stamp) {
                    return Ok(None);
                }
                let keys = parse::keys(&tokio::fs::read(path).await.map_err(text)?)?;
                Ok(Some((stamp, keys)))
            }
            Self::Url { url, client } => {
                let keys = parse::keys(&fetch(client, url.clone()).await?)?;
                Ok(Some((Stamp::Fetched, keys)))
            }
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Url { url, .. } => write!(f, "{}{}", url.origin().ascii_serialization(), url.path()),
        }
    }
}

async fn fetch(client: &reqwest::Client, url: Url) -> Result<Vec<u8>, String> {
    let mut response = client.get(url).send().await.map_err(text)?;
    // A redirect counts as a failure too: keys come from where the setting says.
    if !response.status().is_success() {
        return Err(format!("the issuer answers {}", response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(text)? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(format!("the key set has more than {MAX_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn stamp(metadata: &Metadata) -> Result<Stamp, String> {
    if metadata.len() > MAX_BYTES as u64 {
        return Err(format!("the key set has more than {MAX_BYTES} bytes"));
    }
    Ok(Stamp::File {
        seconds: metadata.mtime(),
        nanoseconds: metadata.mtime_nsec(),
        bytes: metadata.len(),
        inode: metadata.ino(),
    })
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_fetched_in_the_clear() {
        let open = |url: &str| Source::open(&KeySource::Url(url.to_owned())).map(|source| source.to_string());
        assert_eq!(
            open("https://user:secret@issuer.example/keys?k=1").unwrap(),
            "https://issuer.example/keys"
        );
        for url in ["http://localhost:1/keys", "http://127.0.0.1:1/keys", "http://[::1]:1/keys"] {
            assert!(open(url).is_ok(), "{url}");
        }
        for url in ["http://issuer.example/keys", "http://127.0.0.1.example/", "file:///keys", "keys", ""] {
            assert_eq!(open(url).unwrap_err().setting, "keys", "{url}");
        }
    }
}
