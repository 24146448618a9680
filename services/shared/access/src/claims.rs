use serde::{Deserialize, Deserializer, Serialize};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use crate::{Role, Roles};

/// The longest subject, in bytes: services store it beside what its owner did (OpenID Connect's limit).
const MAX_SUBJECT_BYTES: usize = 255;

/// What a token says. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who made the token.
    pub iss: String,
    /// Whom it is for: a text or a list in the token.
    #[serde(deserialize_with = "one_or_many")]
    pub aud: Vec<String>,
    /// From this second on it is void.
    #[serde(deserialize_with = "seconds")]
    pub exp: i64,
    /// Before this second it is not valid yet.
    #[serde(default, deserialize_with = "maybe_seconds", skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// When it was made; for people who read tokens, nothing depends on it.
    #[serde(default, deserialize_with = "maybe_seconds", skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Whose token it is: stable and unique within the issuer.
    pub sub: String,
    /// The tenant that the caller belongs to. Tokens of services carry none, all others do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tandem_tenant: Option<Uuid>,
    #[serde(default)]
    pub tandem_roles: Roles,
    /// The channels that an adapter serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tandem_channels: Vec<Uuid>,
}

impl Claims {
    /// Checks issuer, audience, times (`now` and `skew` in seconds) and that the claims make sense together.
    pub(crate) fn check(&self, issuer: &str, audience: &str, now: i64, skew: i64) -> Result<(), Fault> {
        if self.iss != issuer {
            return Err(invalid("the token is of another issuer"));
        }
        if !self.aud.iter().any(|aud| aud == audience) {
            return Err(invalid("the token is for another audience"));
        }
        if now >= self.exp.saturating_add(skew) {
            return Err(Fault::new(Reason::TokenExpired, "the token has expired"));
        }
        if self.nbf.is_some_and(|nbf| now.saturating_add(skew) < nbf) {
            return Err(invalid("the token is not valid yet"));
        }
        if self.sub.is_empty() || self.sub.len() > MAX_SUBJECT_BYTES {
            return Err(invalid("the token's subject must have 1 to 255 bytes"));
        }
        match (self.tandem_roles.has(Role::Service), self.tandem_tenant) {
            (true, Some(_)) => Err(invalid("a service's token must not name a tenant")),
            (false, None) => Err(invalid("the token names no tenant")),
            (false, Some(tenant)) if tenant.is_nil() => Err(invalid("the token names no tenant")),
            _ => Ok(()),
        }
    }
}

pub(crate) fn invalid(message: &str) -> Fault {
    Fault::new(Reason::TokenInvalid, message)
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Audience::deserialize(deserializer)? {
        Audience::One(one) => vec![one],
        Audience::Many(many) => many,
    })
}

/// A JWT's NumericDate may have a fraction; a part of a second decides nothing here.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    let whole = number.as_i64().or_else(|| {
        #[expect(clippy::cast_possible_truncation, reason = "a float becomes the nearest i64")]
        number.as_f64().map(|fraction| fraction.floor() as i64)
    });
    whole.ok_or_else(|| serde::de::Error::custom("must be seconds since 1970"))
}

fn maybe_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    seconds(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(changes: serde_json::Value) -> Result<Claims, serde_json::Error> {
        let mut claims = json!({ "iss": "i", "aud": "a", "exp": 100, "sub": "s" });
        for (key, value) in changes.as_object().unwrap() {
            claims[key] = value.clone();
        }
        serde_json::from_value(claims)
    }

    #[test]
    fn audiences_and_times_come_in_every_form_of_the_standard() {
        assert_eq!(read(json!({})).unwrap().aud, ["a"]);
        assert_eq!(read(json!({ "aud": ["a", "b"] })).unwrap().aud, ["a", "b"]);
        assert_eq!(read(json!({ "exp": 100.9, "nbf": 7.0 })).unwrap().exp, 100);
        assert_eq!(read(json!({ "exp": u64::MAX })).unwrap().exp, i64::MAX);
        for wrong in
            [json!({ "exp": "100" }), json!({ "exp": null }), json!({ "nbf": "1" }), json!({ "aud": 1 })]
        {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
        assert!(read(json!({ "tandem_channels": ["not an id"] })).is_err());
    }

    #[test]
    fn only_a_services_token_names_no_tenant() {
        let tenant = Uuid::from_u128(1);
        let check = |changes| read(changes).unwrap().check("i", "a", 0, 0).is_ok();
        assert!(check(json!({ "tandem_tenant": tenant, "tandem_roles": ["agent"] })));
        assert!(check(json!({ "tandem_roles": ["service"] })));
        assert!(!check(json!({ "tandem_roles": ["agent"] })));
        assert!(!check(json!({ "tandem_tenant": Uuid::nil(), "tandem_roles": ["agent"] })));
        assert!(!check(json!({ "tandem_tenant": tenant, "tandem_roles": ["service"] })));
        assert!(!check(json!({ "sub": "", "tandem_roles": ["service"] })));
        assert!(!check(json!({ "sub": "s".repeat(256), "tandem_roles": ["service"] })));
    }
}
