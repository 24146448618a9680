use std::collections::hash_map::Entry;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::{Key, Keys};

/// RSA keys in bits: shorter ones are weak, longer ones cost too much to check.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

/// The keys of a JSON Web Key Set that we can use. Others are skipped, as RFC 7517 (5) asks: an issuer's
/// set may hold keys for other purposes.
pub(super) fn keys(text: &[u8]) -> Result<Keys, String> {
    let document: Document = serde_json::from_slice(text).map_err(|error| format!("no key set: {error}"))?;
    let mut keys = Keys::new();
    for value in document.keys {
        let kid = value["kid"].as_str().unwrap_or_default().to_owned();
        let read = serde_json::from_value::<Jwk>(value).map_err(|error| error.to_string());
        match (read.and_then(|jwk| key(&jwk)), keys.entry(kid)) {
            (Err(why), entry) => tracing::debug!(kid = entry.key(), why, "key skipped"),
            (Ok(_), Entry::Occupied(entry)) => {
                tracing::warn!(kid = entry.key(), "two keys with one id: the first is used");
            }
            (Ok(key), Entry::Vacant(entry)) => drop(entry.insert(Arc::new(key))),
        }
    }
    if keys.is_empty() {
        Err("the set holds no EdDSA, ES256 or RS256 key with an id".to_owned())
    } else {
        Ok(keys)
    }
}

fn key(jwk: &Jwk) -> Result<Key, String> {
    if jwk.common.key_id.as_deref().unwrap_or_default().is_empty() {
        return Err("it has no id".to_owned());
    }
    let is_for = jwk.common.public_key_use.as_ref();
    let operations = jwk.common.key_operations.as_ref();
    if is_for.is_some_and(|is_for| *is_for != PublicKeyUse::Signature)
        || operations.is_some_and(|list| !list.contains(&KeyOperations::Verify))
    {
        return Err("it is not for verifying".to_owned());
    }
    let algorithm = algorithm(&jwk.algorithm)?;
    if jwk.common.key_algorithm.is_some_and(|named| named != KeyAlgorithm::from(algorithm)) {
        return Err("its algorithm is not accepted".to_owned());
    }
    let decoding = DecodingKey::from_jwk(jwk).map_err(|error| error.to_string())?;
    Ok(Key { algorithm, decoding })
}

/// The one algorithm that goes with a key, by its own kind and size. The sizes are looked at here because
/// the library takes them on trust, and panics on an Ed25519 key that is too short.
fn algorithm(parameters: &AlgorithmParameters) -> Result<Algorithm, String> {
    match parameters {
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            if bytes(&key.x)?.len() == 32 {
                Ok(Algorithm::EdDSA)
            } else {
                Err("x must have 32 bytes".to_owned())
            }
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            let right = bytes(&key.x)?.len() == 32 && bytes(&key.y)?.len() == 32;
            if right { Ok(Algorithm::ES256) } else { Err("x and y must have 32 bytes".to_owned()) }
        }
        AlgorithmParameters::RSA(key) => {
            let modulus = bytes(&key.n)?;
            let leading = modulus.iter().take_while(|byte| **byte == 0).count();
            let bits = modulus
                .get(leading)
                .map_or(0, |first| (modulus.len() - leading) * 8 - first.leading_zeros() as usize);
            if RSA_BITS.contains(&bits) {
                Ok(Algorithm::RS256)
            } else {
                Err(format!("an RSA key must have 2048 to 4096 bits, not {bits}"))
            }
        }
        _ => Err("its kind is not accepted".to_owned()),
    }
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD.decode(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(keys: &[Value]) -> Vec<(String, Algorithm)> {
        let text = json!({ "keys": keys }).to_string();
        let keys = super::keys(text.as_bytes()).unwrap_or_default();
        let mut found: Vec<_> = keys.into_iter().map(|(kid, key)| (kid, key.algorithm)).collect();
        found.sort_by(|one, two| one.0.cmp(&two.0));
        found
    }

    fn rsa(bits: usize) -> Value {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] >>= bits.div_ceil(8) * 8 - bits;
        json!({ "kid": "r", "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB" })
    }

    fn octets(curve: &str, length: usize) -> Value {
        json!({ "kid": "o", "kty": "OKP", "crv": curve, "x": URL_SAFE_NO_PAD.encode(vec![1; length]) })
    }

    fn curve(name: &str, length: usize) -> Value {
        let text = URL_SAFE_NO_PAD.encode(vec![1; length]);
        json!({ "kid": "e", "kty": "EC", "crv": name, "x": text, "y": text })
    }

    fn with(mut key: Value, field: &str, value: Value) -> Value {
        key[field] = value;
        key
    }

    #[test]
    fn a_keys_kind_decides_its_algorithm() {
        let found = read(&[rsa(2048), octets("Ed25519", 32), curve("P-256", 32)]);
        let expected = [("e", Algorithm::ES256), ("o", Algorithm::EdDSA), ("r", Algorithm::RS256)];
        assert_eq!(found, expected.map(|(kid, algorithm)| (kid.to_owned(), algorithm)));
    }

    #[test]
    fn weak_foreign_and_damaged_keys_are_skipped() {
        let unusable = [
            rsa(1024),
            rsa(2047),
            rsa(4097),
            with(rsa(2048), "n", json!("")),
            with(rsa(2048), "alg", json!("PS256")),
            with(rsa(2048), "alg", json!("HS256")),
            with(rsa(2048), "use", json!("enc")),
            with(rsa(2048), "key_ops", json!(["encrypt"])),
            with(rsa(2048), "kid", Value::Null),
            with(rsa(2048), "kid", json!("")),
            octets("Ed25519", 31),
            octets("Ed448", 57),
            with(octets("Ed25519", 32), "x", json!("not base64!")),
            curve("P-384", 48),
            curve("P-256", 31),
            json!({ "kid": "h", "kty": "oct", "k": URL_SAFE_NO_PAD.encode([1; 32]), "alg": "HS256" }),
            json!({ "kid": "x", "kty": "AKP" }),
            json!("text"),
        ];
        for key in unusable {
            assert_eq!(read(std::slice::from_ref(&key)), [], "{key}");
            assert_eq!(read(&[key, with(octets("Ed25519", 32), "kid", json!("good"))]).len(), 1);
        }
    }

    #[test]
    fn what_is_no_set_is_an_error() {
        for text in ["", "{}", "[]", r#"{ "keys": [] }"#, r#"{ "keys": {} }"#] {
            assert!(keys(text.as_bytes()).is_err(), "{text}");
        }
    }
}
