//! The issuer's public keys, read again while tokens are verified.

mod parse;
mod source;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwapOption;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey};
use tandem_ambient::Ambient;
use tandem_fault::Fault;
use tokio::sync::Mutex;

use crate::{ConfigError, KeySource};
use source::{Source, Stamp};

/// Public keys by their id (`kid`). A set that can't be read, or that holds no key for us, leaves the
/// last good one in place.
#[derive(Debug)]
pub(crate) struct KeySet {
    source: Source,
    ambient: Ambient,
    keys: ArcSwapOption<Keys>,
    /// When the source is looked at next, in microseconds since 1970.
    due: AtomicI64,
    /// Held while reading, so that one call reads and the others use its answer.
    reading: Mutex<Reading>,
}

pub(crate) type Keys = HashMap<String, Arc<Key>>;

/// One public key, and the only algorithm that it is used with: a token's header doesn't choose.
#[derive(Debug)]
pub(crate) struct Key {
    pub algorithm: Algorithm,
    pub decoding: DecodingKey,
}

#[derive(Debug, Default)]
struct Reading {
    last: Option<DateTime<Utc>>,
    stamp: Option<Stamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It is time: a file that has not changed is not read.
    Due,
    /// A token names a key that is not in the set: read whatever the stamp says.
    UnknownKey,
}

impl KeySet {
    /// Reads a file at once, so that a wrong one stops the start; a URL is first fetched when a token
    /// comes, so that services start while the issuer is down.
    pub(crate) fn open(source: &KeySource, ambient: Ambient) -> Result<Arc<Self>, ConfigError> {
        let source = Source::open(source)?;
        let first = source.read_now().map_err(|problem| ConfigError::keys(format!("{source}: {problem}")))?;
        let (stamp, keys) = first.unzip();
        let set = Self {
            due: AtomicI64::new((ambient.now() + source.period()).timestamp_micros()),
            source,
            ambient,
            keys: ArcSwapOption::new(keys.map(Arc::new)),
            reading: Mutex::new(Reading { last: None, stamp }),
        };
        Ok(Arc::new(set))
    }

    /// The key with this id, if the issuer has one.
    ///
    /// # Errors
    /// `DEPENDENCY_UNAVAILABLE` when no set could be read so far.
    pub(crate) async fn find(self: &Arc<Self>, kid: &str) -> Result<Option<Arc<Key>>, Fault> {
        self.look_when_due().await;
        if let Some(key) = self.get(kid) {
            return Ok(Some(key));
        }
        self.read(Why::UnknownKey).await;
        if self.keys.load().is_none() {
            return Err(Fault::unavailable(format!("no key set could be read from {}", self.source)));
        }
        Ok(self.get(kid))
    }

    fn get(&self, kid: &str) -> Option<Arc<Key>> {
        self.keys.load().as_ref()?.get(kid).cloned()
    }

    async fn look_when_due(self: &Arc<Self>) {
        let (now, due) = (self.ambient.now(), self.due.load(Ordering::Relaxed));
        if now.timestamp_micros() < due || self.keys.load().is_none() {
            return;
        }
        let retry = (now + self.source.retry()).timestamp_micros();
        // One call takes the look upon itself, the others go on with the keys that they have.
        if self.due.compare_exchange(due, retry, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        if self.source.is_quick() {
            self.read(Why::Due).await;
        } else {
            let set = Arc::clone(self);
            tokio::spawn(async move { set.read(Why::Due).await });
        }
    }

    async fn read(&self, why: Why) {
        let mut reading = self.reading.lock().await;
        let now = self.ambient.now();
        let gap = self.source.gap(self.keys.load().is_some());
        let too_soon = |last: DateTime<Utc>| (now - last).abs() < gap;
        // Tokens with made-up ids must not make us hammer the issuer.
        if why == Why::UnknownKey && reading.last.is_some_and(too_soon) {
            return;
        }
        reading.last = Some(now);
        let known = if why == Why::Due { reading.stamp } else { None };
        match self.source.read(known).await {
            Ok(None) => self.look_again_in(self.source.period()),
            Ok(Some((stamp, keys))) => {
                tracing::debug!(source = %self.source, keys = keys.len(), "key set read");
                self.keys.store(Some(Arc::new(keys)));
                reading.stamp = Some(stamp);
                self.look_again_in(self.source.period());
            }
            Err(error) => {
                tracing::warn!(source = %self.source, %error, "key set can't be read, the last one stays");
                self.look_again_in(self.source.retry());
            }
        }
    }

    fn look_again_in(&self, wait: TimeDelta) {
        self.due.store((self.ambient.now() + wait).timestamp_micros(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
