use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use tandem_ambient::Ambient;
use uuid::Uuid;

use crate::{Claims, Roles};

/// What stands before the 32 bytes of an Ed25519 seed in PKCS #8 (RFC 8410).
const PKCS8_PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// An Ed25519 key that makes tokens: for `tandem token`, `tandem up` and tests. In production the
/// business's own identity provider makes them.
#[derive(Debug, Clone)]
pub struct SigningKey {
    private: Arc<EncodingKey>,
    public: Jwk,
}

/// What a new token shall say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSpec {
    pub issuer: String,
    pub audience: String,
    pub subject: String,
    /// `None` for a service, and for nobody else.
    pub tenant: Option<Uuid>,
    pub roles: Roles,
    /// For a channel adapter: the channels that it serves.
    pub channels: Vec<Uuid>,
    /// Valid for so many seconds from now.
    pub ttl_s: u32,
}

/// A text that is no Ed25519 key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an Ed25519 private key of 32 bytes in PKCS #8 PEM")]
pub struct PemError;

impl SigningKey {
    /// A new key. With [`Ambient::system`] it is secret; with a seed it repeats, for tests.
    pub fn generate(ambient: &Ambient) -> Self {
        let der = [&PKCS8_PREFIX[..], &ambient.bytes::<32>()].concat();
        Self::new(EncodingKey::from_ed_der(&der)).expect("any 32 bytes are an Ed25519 seed")
    }

    /// # Errors
    /// When the text is anything but one Ed25519 key; it is never quoted.
    pub fn from_pem(pem: &str) -> Result<Self, PemError> {
        EncodingKey::from_ed_pem(pem.as_bytes()).ok().and_then(Self::new).ok_or(PemError)
    }

    fn new(private: EncodingKey) -> Option<Self> {
        let mut public = Jwk::from_encoding_key(&private, Algorithm::EdDSA).ok()?;
        public.common.key_id = public.thumbprint(ThumbprintHash::SHA256).ok();
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Some(Self { private: Arc::new(private), public })
    }

    /// The private key as text: keep it as the secret that it is.
    pub fn to_pkcs8_pem(&self) -> String {
        let body = STANDARD.encode(self.private.as_bytes());
        format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
    }

    /// The key's id: its thumbprint (RFC 7638).
    pub fn kid(&self) -> &str {
        self.public.common.key_id.as_deref().unwrap_or_default()
    }

    /// The key set with this key's public half alone: what [`KeySource`](crate::KeySource) points at.
    pub fn jwks_json(&self) -> String {
        key_set_json([self])
    }

    /// A signed token that is valid from `now` on.
    pub fn mint(&self, spec: &TokenSpec, now: DateTime<Utc>) -> String {
        let now = now.timestamp();
        let claims = Claims {
            iss: spec.issuer.clone(),
            aud: vec![spec.audience.clone()],
            exp: now.saturating_add(spec.ttl_s.into()),
            nbf: Some(now),
            iat: Some(now),
            sub: spec.subject.clone(),
            tandem_tenant: spec.tenant,
            tandem_roles: spec.roles,
            tandem_channels: spec.channels.clone(),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = self.public.common.key_id.clone();
        jsonwebtoken::encode(&header, &claims, &self.private).expect("the key was used when it was made")
    }
}

/// The key set with the public halves of several keys: while keys are rotated.
pub fn key_set_json<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> String {
    let keys: Vec<&Jwk> = keys.into_iter().map(|key| &key.public).collect();
    serde_json::json!({ "keys": keys }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_text() {
        let key = SigningKey::generate(&Ambient::manual(DateTime::default(), 1));
        let pem = key.to_pkcs8_pem();
        let again = SigningKey::from_pem(&pem).unwrap();
        assert_eq!((again.kid(), again.jwks_json(), again.to_pkcs8_pem()), (key.kid(), key.jwks_json(), pem));
    }

    #[test]
    fn seeds_repeat_and_differ() {
        let key = |seed| SigningKey::generate(&Ambient::manual(DateTime::default(), seed)).kid().to_owned();
        assert_eq!(key(1), key(1));
        assert_ne!(key(1), key(2));
    }

    #[test]
    fn the_public_set_holds_no_secret() {
        let key = SigningKey::generate(&Ambient::manual(DateTime::default(), 1));
        let set: serde_json::Value = serde_json::from_str(&key.jwks_json()).unwrap();
        let fields: Vec<_> = set["keys"][0].as_object().unwrap().keys().collect();
        assert_eq!(fields, ["alg", "crv", "kid", "kty", "use", "x"]);
        assert!(format!("{key:?}").contains("redacted"));
    }

    #[test]
    fn other_texts_are_no_key() {
        let key = SigningKey::generate(&Ambient::manual(DateTime::default(), 1));
        let pem = key.to_pkcs8_pem();
        for wrong in ["", "key", &pem[..60], &pem.replace("PRIVATE", "PUBLIC"), &key.jwks_json()] {
            assert_eq!(SigningKey::from_pem(wrong).unwrap_err(), PemError);
        }
    }
}
