use std::collections::{BTreeSet, HashMap};

use tandem_fault::{Fault, Reason};

use crate::{Role, Roles};

/// Who may call a service's methods. What the table does not name is denied.
#[derive(Debug, Clone)]
pub struct Policy {
    table: &'static [Rule],
    by_method: HashMap<&'static str, &'static Rule>,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The path on the wire, such as `/tandem.conversation.v1.ConversationService/IngestMessages`.
    pub method: &'static str,
    /// A caller with any of these may call it. None implies another: name each.
    pub roles: &'static [Role],
    /// What must also hold between the caller and the data.
    pub relation: Relation,
}

/// What must hold between a caller and the data that a method touches, beyond the role. The layer can't
/// know the data: the domain enforces it, and the table shows it. Where a rule names several roles, the
/// relation binds the roles that its description names, and the others reach all of their tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// Anything of the caller's tenant.
    Any,
    /// The request names a tenant: it must be the caller's. A service may name any.
    OwnTenant,
    /// No tenant is involved: the change feed, the list of tenants.
    NoTenant,
    /// For a channel adapter: the channel is one that its token names.
    OwnChannel,
    /// For an agent: the channel is one of their teams'. Lists, counts and streams are narrowed to those.
    TeamsChannel,
    /// For an agent or the AI: they hold the conversation, or the call takes it over.
    HoldsIt,
    /// For an agent: the record is their own, such as presence, notifications, a personal view.
    Own,
}

impl Policy {
    pub fn new(table: &'static [Rule]) -> Self {
        Self { table, by_method: table.iter().map(|rule| (rule.method, rule)).collect() }
    }

    /// The rule of a method, by its path on the wire.
    pub fn get(&self, method: &str) -> Option<&'static Rule> {
        self.by_method.get(method).copied()
    }

    /// The table, in the order that it was written in: for `tandem doctor` and for documentation.
    pub fn rules(&self) -> &'static [Rule] {
        self.table
    }

    /// # Errors
    /// `ROLE_NOT_ALLOWED` when the table does not name the method, or names it for other roles.
    pub fn allow(&self, method: &str, roles: Roles) -> Result<&'static Rule, Fault> {
        self.get(method)
            .filter(|rule| roles.has_any(rule.roles))
            .ok_or_else(|| Fault::new(Reason::RoleNotAllowed, "no role of the caller may call this method"))
    }

    /// For a test in each service: compares the table with the paths of all methods in its descriptors.
    ///
    /// # Errors
    /// Every method without a rule, rule without a method, rule without a role, and method named twice.
    pub fn covers<S: AsRef<str>>(&self, methods: impl IntoIterator<Item = S>) -> Result<(), Vec<String>> {
        let methods: BTreeSet<String> =
            methods.into_iter().map(|method| method.as_ref().to_owned()).collect();
        let mut problems: Vec<String> = methods
            .iter()
            .filter(|method| self.get(method).is_none())
            .map(|method| format!("{method} has no rule"))
            .collect();
        let mut seen = BTreeSet::new();
        for rule in self.table {
            if !methods.contains(rule.method) {
                problems.push(format!("{} is no method", rule.method));
            }
            if rule.roles.is_empty() {
                problems.push(format!("{} is for nobody", rule.method));
            }
            if !seen.insert(rule.method) {
                problems.push(format!("{} stands twice", rule.method));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Rule = Rule { method: "/s/Read", roles: &[Role::Agent, Role::Ai], relation: Relation::Any };
    const FEED: Rule = Rule { method: "/s/Feed", roles: &[Role::Service], relation: Relation::NoTenant };

    #[test]
    fn only_what_the_table_names_is_allowed() {
        let policy = Policy::new(&[READ, FEED]);
        assert_eq!(policy.allow("/s/Read", Role::Ai.into()), Ok(&READ));
        assert_eq!(policy.get("/s/Feed"), Some(&FEED));
        for (method, roles) in [
            ("/s/Read", Roles::from([Role::Admin, Role::Service])),
            ("/s/Read", Roles::NONE),
            ("/s/Feed", Role::Agent.into()),
            ("/s/Other", Role::ALL.into()),
            ("/s/read", Role::ALL.into()),
            ("s/Read", Role::ALL.into()),
            ("", Role::ALL.into()),
        ] {
            let fault = policy.allow(method, roles).unwrap_err();
            assert_eq!(fault.reason, Reason::RoleNotAllowed, "{method}");
        }
    }

    #[test]
    fn a_table_that_does_not_match_the_methods_is_told() {
        assert_eq!(Policy::new(&[READ, FEED]).covers(["/s/Read", "/s/Feed"]), Ok(()));
        const NOBODY: Rule = Rule { method: "/s/Read", roles: &[], relation: Relation::Any };
        let problems = Policy::new(&[READ, NOBODY]).covers(["/s/Feed"]).unwrap_err();
        assert_eq!(
            problems,
            [
                "/s/Feed has no rule",
                "/s/Read is no method",
                "/s/Read is no method",
                "/s/Read is for nobody",
                "/s/Read stands twice"
            ]
        );
    }
}
