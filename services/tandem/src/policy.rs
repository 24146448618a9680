//! What the services' policy tables say of a method.

use tandem_access::{Relation, Role, Rule};

/// Whose token `tandem call` takes when it may choose: people before programs.
const PREFERENCE: [Role; 6] =
    [Role::Agent, Role::Supervisor, Role::Admin, Role::Channel, Role::Ai, Role::Service];

/// The roles that may call a method, by its path on the wire; none when no table names it.
pub fn roles(path: &str) -> &'static [Role] {
    rule(path).map_or(&[], |rule| rule.roles)
}

/// The role to call a method as when nobody says.
pub fn first_role(path: &str) -> Option<Role> {
    let roles = roles(path);
    PREFERENCE.into_iter().find(|role| roles.contains(role))
}

/// Whether a service must say for which tenant it calls.
pub fn needs_tenant(path: &str) -> bool {
    rule(path).is_none_or(|rule| !matches!(rule.relation, Relation::NoTenant | Relation::OwnTenant))
}

fn rule(path: &str) -> Option<&'static Rule> {
    tables().into_iter().flatten().find(|rule| rule.method == path)
}

fn tables() -> [&'static [Rule]; 4] {
    [
        tandem_conversation::RULES,
        tandem_assignment::RULES,
        tandem_customer_profile::RULES,
        tandem_search::RULES,
    ]
}
