use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a caller is. A token may carry several; none implies another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A person who answers customers.
    Agent,
    /// A person who leads agents: sees every channel of the tenant, assigns, takes work away.
    Supervisor,
    /// A person or program that sets the tenant up: channels, teams, rules.
    Admin,
    /// A channel adapter. Its token names the channels that it serves.
    Channel,
    /// The backend of the AI agent.
    Ai,
    /// Another service of the suite. Its token names no tenant: each call does.
    Service,
}

/// A set of [`Role`]s. In claims a list of names; names that this release doesn't know are left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Roles(u8);

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::Agent, Self::Supervisor, Self::Admin, Self::Channel, Self::Ai, Self::Service];

    /// The name in claims and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
            Self::Admin => "admin",
            Self::Channel => "channel",
            Self::Ai => "ai",
            Self::Service => "service",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == name)
            .ok_or_else(|| format!("must be one of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

impl Roles {
    pub const NONE: Self = Self(0);

    pub const fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    pub fn has_any(self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.has(*role))
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The roles in the set, in the order of [`Role::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |bits, role| bits | role.bit()))
    }
}

impl<const N: usize> From<[Role; N]> for Roles {
    fn from(roles: [Role; N]) -> Self {
        roles.into_iter().collect()
    }
}

impl From<Role> for Roles {
    fn from(role: Role) -> Self {
        Self(role.bit())
    }
}

impl Serialize for Roles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Role::as_str))
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(names.iter().filter_map(|name| name.parse::<Role>().ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        for role in Role::ALL {
            let set = Roles::from(role);
            for other in Role::ALL {
                assert_eq!(set.has(other), role == other);
            }
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        let set = Roles::from([Role::Service, Role::Agent, Role::Agent]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Role::Agent, Role::Service]);
        assert!(set.has_any(&[Role::Ai, Role::Service]));
        assert!(!set.has_any(&[Role::Ai]) && !set.has_any(&[]));
    }

    #[test]
    fn claims_name_roles_and_unknown_names_are_left_out() {
        let set: Roles = serde_json::from_str(r#"["admin", "astronaut", "Agent", "ai"]"#).unwrap();
        assert_eq!(set, Roles::from([Role::Admin, Role::Ai]));
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["admin","ai"]"#);
        assert!(serde_json::from_str::<Roles>(r#""admin""#).is_err());
    }
}
