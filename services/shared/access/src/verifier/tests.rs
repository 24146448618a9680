use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::*;
use crate::testing::{AnyKey, KeyFile, TENANT, ambient, claims, key, service_spec, spec};
use crate::{Role, TokenSpec};

async fn reason(verifier: &Verifier, token: &str) -> Option<Reason> {
    verifier.verify(token).await.err().map(|fault| fault.reason)
}

fn parts(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn each_algorithm_is_accepted() {
    for key in [AnyKey::ed25519(), AnyKey::p256(), AnyKey::rsa2048()] {
        let verifier = KeyFile::new(&key.set.to_string()).verifier(&ambient());
        let found = verifier.verify(&key.sign(&claims(&json!({ "aud": ["x", "tandem"] })))).await.unwrap();
        assert_eq!(
            (found.sub.as_str(), found.tandem_tenant),
            ("agent-1", Some(TENANT)),
            "{:?}",
            key.algorithm
        );
        assert!(found.tandem_roles.has(Role::Agent));
    }
}

#[tokio::test]
async fn minted_tokens_are_accepted() {
    let ambient = ambient();
    let verifier = KeyFile::new(&key(1).jwks_json()).verifier(&ambient);
    for spec in [spec(), service_spec()] {
        let token = key(1).mint(&spec, ambient.now());
        let found = verifier.verify(&token).await.unwrap();
        assert_eq!(
            (&found.sub, found.tandem_tenant, found.tandem_roles),
            (&spec.subject, spec.tenant, spec.roles)
        );
        assert_eq!(found.exp, ambient.now().timestamp() + 600);
        // The second answer comes from the cache, and is the same.
        assert!(Arc::ptr_eq(&found, &verifier.verify(&token).await.unwrap()));
    }
}

#[tokio::test]
async fn each_wrong_claim_is_refused_with_its_reason() {
    let key = AnyKey::ed25519();
    let verifier = KeyFile::new(&key.set.to_string()).verifier(&ambient());
    let (now, invalid) = (1_700_000_000, Reason::TokenInvalid);
    for (change, expected) in [
        (json!({}), None),
        (json!({ "iss": "other" }), Some(invalid)),
        (json!({ "iss": ["tandem"] }), Some(invalid)),
        (json!({ "aud": "other" }), Some(invalid)),
        (json!({ "aud": [] }), Some(invalid)),
        (json!({ "aud": null }), Some(invalid)),
        (json!({ "sub": "" }), Some(invalid)),
        (json!({ "tandem_tenant": "other" }), Some(invalid)),
        (json!({ "tandem_tenant": null }), Some(invalid)),
        (json!({ "tandem_roles": ["service"] }), Some(invalid)),
        (json!({ "tandem_roles": "agent" }), Some(invalid)),
        // The skew of thirty seconds, to the second.
        (json!({ "exp": now - 29 }), None),
        (json!({ "exp": now - 30 }), Some(Reason::TokenExpired)),
        (json!({ "exp": i64::MIN }), Some(Reason::TokenExpired)),
        (json!({ "exp": i64::MAX }), None),
        (json!({ "exp": "tomorrow" }), Some(invalid)),
        (json!({ "exp": null }), Some(invalid)),
        (json!({ "nbf": now + 30 }), None),
        (json!({ "nbf": now + 31 }), Some(invalid)),
        (json!({ "nbf": i64::MAX }), Some(invalid)),
    ] {
        assert_eq!(reason(&verifier, &key.sign(&claims(&change))).await, expected, "{change}");
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let key = AnyKey::ed25519();
    let verifier = KeyFile::new(&key.set.to_string()).verifier(&ambient());
    assert_eq!(reason(&verifier, "").await, Some(Reason::TokenMissing));
    let token = key.sign(&claims(&json!({})));
    let [header, payload, signature] = parts(&token);
    for wrong in [
        "x",
        "..",
        "a.b.c",
        &format!("{header}.{payload}"),
        &format!("{header}.{payload}."),
        &format!("{token}.{signature}"),
        &"A".repeat(MAX_TOKEN_BYTES + 1),
    ] {
        assert_eq!(reason(&verifier, wrong).await, Some(Reason::TokenInvalid), "{wrong}");
    }
}

#[tokio::test]
async fn every_changed_character_is_noticed() {
    let key = AnyKey::ed25519();
    let verifier = KeyFile::new(&key.set.to_string()).verifier(&ambient());
    let token = key.sign(&claims(&json!({})));
    for index in 0..token.len() {
        let other = if token.as_bytes()[index] == b'A' { "B" } else { "A" };
        let changed = format!("{}{other}{}", &token[..index], &token[index + 1..]);
        assert_eq!(reason(&verifier, &changed).await, Some(Reason::TokenInvalid), "character {index}");
    }
    let [header, _, signature] = parts(&token);
    let payload = encoded(&claims(&json!({ "tandem_roles": ["admin"] })));
    let raised = format!("{header}.{payload}.{signature}");
    assert_eq!(reason(&verifier, &raised).await, Some(Reason::TokenInvalid));
}

#[tokio::test]
async fn the_header_does_not_choose_the_algorithm() {
    let claims = claims(&json!({}));
    let kid = || Some("k".to_owned());
    for key in [AnyKey::ed25519(), AnyKey::p256(), AnyKey::rsa2048()] {
        let verifier = KeyFile::new(&key.set.to_string()).verifier(&ambient());
        let public = &key.set["keys"][0];
        let text = public["x"].as_str().or(public["n"].as_str()).unwrap();
        // The public key as a shared secret, as bytes and in the forms that a library might hold.
        for secret in [URL_SAFE_NO_PAD.decode(text).unwrap(), text.into(), public.to_string().into()] {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let header = Header { kid: kid(), ..Header::new(algorithm) };
                let token =
                    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&secret)).unwrap();
                assert_eq!(reason(&verifier, &token).await, Some(Reason::TokenInvalid));
            }
        }
        let token = key.sign(&claims);
        let [_, payload, signature] = parts(&token);
        for algorithm in ["none", "None", "HS256", "EdDSA", "ES256", "ES384", "RS256", "PS256", "RS512"] {
            let header = encoded(&json!({ "alg": algorithm, "kid": "k" }));
            for token in [format!("{header}.{payload}."), format!("{header}.{payload}.{signature}")] {
                assert_eq!(reason(&verifier, &token).await, Some(Reason::TokenInvalid), "{algorithm}");
            }
        }
    }
    // A right signature of the right key, but by an algorithm that is not accepted.
    let key = AnyKey::rsa2048();
    let verifier = KeyFile::new(&key.set.to_string()).verifier(&ambient());
    for algorithm in [Algorithm::PS256, Algorithm::RS512] {
        let token = key.sign_as(algorithm, &claims);
        assert_eq!(reason(&verifier, &token).await, Some(Reason::TokenInvalid), "{algorithm:?}");
    }
}

#[tokio::test]
async fn keys_come_from_the_set_alone() {
    let (ours, theirs) = (AnyKey::ed25519(), AnyKey::p256());
    let verifier = KeyFile::new(&ours.set.to_string()).verifier(&ambient());
    let claims = claims(&json!({}));
    let mut named = Header::new(Algorithm::EdDSA);
    for kid in [None, Some(""), Some("other")] {
        named.kid = kid.map(str::to_owned);
        let token = jsonwebtoken::encode(&named, &claims, &ours.private).unwrap();
        assert_eq!(reason(&verifier, &token).await, Some(Reason::TokenInvalid), "{kid:?}");
    }
    // A token that brings its own key, under our key's id.
    let jwk = serde_json::from_value(theirs.set["keys"][0].clone()).unwrap();
    let header = Header { kid: Some("k".to_owned()), jwk: Some(jwk), ..Header::new(Algorithm::ES256) };
    let token = jsonwebtoken::encode(&header, &claims, &theirs.private).unwrap();
    assert_eq!(reason(&verifier, &token).await, Some(Reason::TokenInvalid));
    named.kid = Some("k".to_owned());
    named.crit = Some(vec!["exp".to_owned()]);
    let token = jsonwebtoken::encode(&named, &claims, &ours.private).unwrap();
    assert_eq!(reason(&verifier, &token).await, Some(Reason::TokenInvalid));
}

#[tokio::test]
async fn the_cache_never_outlives_the_expiry() {
    for (skew_s, cache_s) in [(0, 300), (30, 300), (0, 0)] {
        let (ambient, file) = (ambient(), KeyFile::new(&key(1).jwks_json()));
        let config = AccessConfig { skew_s, cache_s, ..file.config() };
        let verifier = Verifier::new(config, ambient.clone()).unwrap();
        let token = key(1).mint(&TokenSpec { ttl_s: 60, ..spec() }, ambient.now());
        let expired_after = 60 + i64::from(skew_s);
        for wait in [0, 59, expired_after - 60] {
            ambient.clock().advance(TimeDelta::seconds(wait));
            if ambient.now().timestamp() < 1_700_000_000 + expired_after {
                assert_eq!(reason(&verifier, &token).await, None, "{skew_s} {cache_s}");
            }
        }
        ambient.clock().advance(TimeDelta::seconds(1));
        assert_eq!(reason(&verifier, &token).await, Some(Reason::TokenExpired), "{skew_s} {cache_s}");
    }
}

#[tokio::test]
async fn a_token_is_remembered_for_as_long_as_the_setting_says() {
    let (ambient, file) = (ambient(), KeyFile::new(&key(1).jwks_json()));
    let verifier = Verifier::new(AccessConfig { cache_s: 60, ..file.config() }, ambient.clone()).unwrap();
    let token = key(1).mint(&spec(), ambient.now());
    assert_eq!(reason(&verifier, &token).await, None);
    file.write(&key(2).jwks_json());
    ambient.clock().advance(TimeDelta::seconds(59));
    assert_eq!(reason(&verifier, &token).await, None);
    ambient.clock().advance(TimeDelta::seconds(1));
    assert_eq!(reason(&verifier, &token).await, Some(Reason::TokenInvalid));
}
