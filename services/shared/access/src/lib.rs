//! Who calls, and whether they may.
//!
//! [`AuthLayer`] stands around a service's routes: it verifies the bearer token ([`Verifier`]), asks the
//! service's [`Policy`] whether the caller's roles may call the method, and leaves a [`Caller`] in the
//! request's extensions, where [`caller`] finds it. What depends on data ([`Relation`]) the domain
//! enforces.
//!
//! To add a method, add its [`Rule`] to the service's table: without one it is denied. To add a role, add
//! it to [`Role`] and to the rules that it may use; tokens that name it before are accepted without it.

mod caller;
mod claims;
mod config;
mod keys;
mod layer;
mod mint;
mod policy;
mod role;
#[cfg(test)]
mod testing;
mod verifier;

pub use caller::{Caller, TENANT_HEADER, caller};
pub use claims::Claims;
pub use config::{AccessConfig, ConfigError, KeySource};
pub use layer::{AuthLayer, AuthService, TenantGate};
pub use mint::{PemError, SigningKey, TokenSpec, key_set_json};
pub use policy::{Policy, Relation, Rule};
pub use role::{Role, Roles};
pub use verifier::Verifier;
