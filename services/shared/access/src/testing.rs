//! What the tests of this crate share: a standing clock, an issuer's keys, a key file.

use std::path::PathBuf;

use chrono::DateTime;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tandem_ambient::Ambient;
use tempfile::TempDir;
use uuid::Uuid;

use crate::{AccessConfig, KeySource, Role, SigningKey, TokenSpec, Verifier};

/// Made for these tests and used for nothing else.
const RSA: &[u8] = include_bytes!("testing/rsa2048.pem");

/// What stands before the 32 bytes of a P-256 scalar in PKCS #8.
const P256_PREFIX: [u8; 35] = [
    0x30, 0x41, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 3, 1, 7, 4, 0x27, 0x30, 0x25, 2, 1, 1, 4, 0x20,
];

pub(crate) const TENANT: Uuid = Uuid::from_u128(0x7e);

pub(crate) fn ambient() -> Ambient {
    Ambient::manual(DateTime::from_timestamp(1_700_000_000, 0).unwrap(), 1)
}

pub(crate) fn key(seed: u64) -> SigningKey {
    SigningKey::generate(&Ambient::manual(DateTime::default(), seed))
}

/// An agent's token for ten minutes.
pub(crate) fn spec() -> TokenSpec {
    TokenSpec {
        issuer: "tandem".to_owned(),
        audience: "tandem".to_owned(),
        subject: "agent-1".to_owned(),
        tenant: Some(TENANT),
        roles: Role::Agent.into(),
        channels: Vec::new(),
        ttl_s: 600,
    }
}

pub(crate) fn service_spec() -> TokenSpec {
    TokenSpec { subject: "assignment".to_owned(), tenant: None, roles: Role::Service.into(), ..spec() }
}

/// A key set in a file of its own.
pub(crate) struct KeyFile {
    _folder: TempDir,
    path: PathBuf,
}

impl KeyFile {
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        let file = Self { _folder: folder, path };
        file.write(text);
        file
    }

    pub(crate) fn write(&self, text: &str) {
        std::fs::write(&self.path, text).unwrap();
    }

    pub(crate) fn remove(&self) {
        std::fs::remove_file(&self.path).unwrap();
    }

    pub(crate) fn config(&self) -> AccessConfig {
        AccessConfig { keys: KeySource::File(self.path.clone()), ..AccessConfig::default() }
    }

    pub(crate) fn verifier(&self, ambient: &Ambient) -> Verifier {
        Verifier::new(self.config(), ambient.clone()).unwrap()
    }
}

/// A private key of any kind, with the set that holds its public half under the id `k`.
pub(crate) struct AnyKey {
    pub algorithm: Algorithm,
    pub private: EncodingKey,
    pub set: Value,
}

impl AnyKey {
    pub(crate) fn ed25519() -> Self {
        Self::new(Algorithm::EdDSA, EncodingKey::from_ed_pem(key(1).to_pkcs8_pem().as_bytes()).unwrap())
    }

    pub(crate) fn p256() -> Self {
        let der = [&P256_PREFIX[..], &[0x22; 32]].concat();
        Self::new(Algorithm::ES256, EncodingKey::from_ec_der(&der))
    }

    pub(crate) fn rsa2048() -> Self {
        Self::new(Algorithm::RS256, EncodingKey::from_rsa_pem(RSA).unwrap())
    }

    fn new(algorithm: Algorithm, private: EncodingKey) -> Self {
        let mut public = Jwk::from_encoding_key(&private, algorithm).unwrap();
        public.common.key_id = Some("k".to_owned());
        Self { algorithm, private, set: json!({ "keys": [public] }) }
    }

    /// A token with any claims, its header named after this key.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(self.algorithm, claims)
    }

    pub(crate) fn sign_as(&self, algorithm: Algorithm, claims: &Value) -> String {
        let header = Header { kid: Some("k".to_owned()), ..Header::new(algorithm) };
        jsonwebtoken::encode(&header, claims, &self.private).unwrap()
    }
}

/// The claims of [`spec`]'s token at the time of [`ambient`], with changes.
pub(crate) fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": "tandem", "aud": "tandem", "sub": "agent-1", "exp": 1_700_000_600, "nbf": 1_700_000_000,
        "tandem_tenant": TENANT, "tandem_roles": ["agent"],
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}
