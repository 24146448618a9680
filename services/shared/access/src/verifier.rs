use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Validation;
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use tandem_ambient::Ambient;
use tandem_fault::{Fault, Reason};

use crate::claims::invalid;
use crate::keys::{Key, KeySet};
use crate::{AccessConfig, Claims, ConfigError};

/// The longest token that is looked at, in bytes: what a metadata value may have in most proxies.
const MAX_TOKEN_BYTES: usize = 8192;

/// How many verified tokens are remembered; the rest is verified again.
const CACHE_ENTRIES: u64 = 10_000;

/// Verifies bearer tokens. Cheap to clone; clones share keys and cache.
#[derive(Debug, Clone)]
pub struct Verifier {
    config: Arc<AccessConfig>,
    ambient: Ambient,
    keys: Arc<KeySet>,
    /// By the token's SHA-256, so that a memory dump of the cache holds no token.
    cache: Cache<[u8; 32], Verified>,
}

#[derive(Debug, Clone)]
struct Verified {
    claims: Arc<Claims>,
    /// From then on the token is looked at again: never after its expiry.
    until: DateTime<Utc>,
}

impl Verifier {
    /// # Errors
    /// A setting that can't be used, such as a key file that can't be read.
    pub fn new(config: AccessConfig, ambient: Ambient) -> Result<Self, ConfigError> {
        config.check()?;
        let keys = KeySet::open(&config.keys, ambient.clone())?;
        // The time to live only frees memory; `until` decides, by the injected clock.
        let ttl = Duration::from_secs(u64::from(config.cache_s).max(1));
        let cache = Cache::builder().max_capacity(CACHE_ENTRIES).time_to_live(ttl).build();
        Ok(Self { config: Arc::new(config), ambient, keys, cache })
    }

    /// What a token says, once its signature, issuer, audience and times are found right.
    ///
    /// # Errors
    /// `TOKEN_MISSING` for an empty one, `TOKEN_EXPIRED`, `TOKEN_INVALID` for everything else that is
    /// wrong with it, and `DEPENDENCY_UNAVAILABLE` while no key set could be read.
    pub async fn verify(&self, token: &str) -> Result<Arc<Claims>, Fault> {
        if token.is_empty() {
            return Err(Fault::new(Reason::TokenMissing, "the call carries no token"));
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(invalid("the token is too long"));
        }
        let hash: [u8; 32] = Sha256::digest(token).into();
        if let Some(verified) = self.cache.get(&hash).filter(|verified| self.ambient.now() < verified.until) {
            return Ok(verified.claims);
        }
        let claims = Arc::new(self.check(token).await?);
        self.remember(hash, &claims);
        Ok(claims)
    }

    async fn check(&self, token: &str) -> Result<Claims, Fault> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| invalid("the token can't be read"))?;
        if header.crit.is_some() {
            // RFC 7515 (4.1.11): an extension that we do not know must not be ignored.
            return Err(invalid("the token has critical headers"));
        }
        let kid = header.kid.ok_or_else(|| invalid("the token names no key"))?;
        let Some(key) = self.keys.find(&kid).await? else {
            return Err(invalid("the token names an unknown key"));
        };
        if header.alg != key.algorithm {
            return Err(invalid("the token's algorithm is not its key's"));
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &signature_only(&key))
            .map_err(|_| invalid("the token's signature or claims are wrong"))?
            .claims;
        let now = self.ambient.now().timestamp();
        claims.check(&self.config.issuer, &self.config.audience, now, self.config.skew_s.into())?;
        Ok(claims)
    }

    fn remember(&self, hash: [u8; 32], claims: &Arc<Claims>) {
        let now = self.ambient.now();
        let until = now + TimeDelta::seconds(self.config.cache_s.into());
        // An expiry that no calendar holds is far away.
        let until = DateTime::from_timestamp(claims.exp, 0).map_or(until, |expiry| until.min(expiry));
        if now < until {
            self.cache.insert(hash, Verified { claims: Arc::clone(claims), until });
        }
    }
}

/// The library checks the signature, with the key's own algorithm and no other. Issuer, audience and times
/// are ours: it would read the system's clock.
fn signature_only(key: &Key) -> Validation {
    let mut validation = Validation::new(key.algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

#[cfg(test)]
mod tests;
