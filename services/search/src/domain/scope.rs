use uuid::Uuid;

/// The channels that a caller may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every channel of the tenant.
    All,
    /// These alone; with none the caller sees nothing.
    Channels(Vec<Uuid>),
}

/// Who searches: the tenant, and the scope that every answer is limited to.
#[derive(Debug, Clone)]
pub struct Reader {
    pub tenant: Uuid,
    pub scope: Scope,
}

impl Scope {
    pub fn allows(&self, channel: Uuid) -> bool {
        match self {
            Self::All => true,
            Self::Channels(channels) => channels.contains(&channel),
        }
    }
}

impl Reader {
    /// The filter that every question about messages begins with.
    pub fn message_filter(&self) -> String {
        let tenant = one("tenant_id", self.tenant);
        match &self.scope {
            Scope::All => tenant,
            Scope::Channels(channels) => format!("{tenant} AND {}", any("channel_id", channels)),
        }
    }

    /// The filter that every question about customers begins with: one contact on a channel of the scope, or none at all.
    pub fn customer_filter(&self) -> String {
        let tenant = one("tenant_id", self.tenant);
        match &self.scope {
            Scope::All => tenant,
            Scope::Channels(channels) => {
                format!("{tenant} AND ({} OR has_contacts = false)", any("channel_ids", channels))
            }
        }
    }
}

fn one(field: &str, id: Uuid) -> String {
    format!("{field} = \"{id}\"")
}

/// One of the values; `field IN []` holds for no document.
pub fn any<T: std::fmt::Display>(field: &str, values: &[T]) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
    format!("{field} IN [{}]", values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tenant_is_always_in_the_filter_and_a_narrow_scope_too() {
        let (tenant, channel) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let reader = |scope| Reader { tenant, scope };
        assert_eq!(reader(Scope::All).message_filter(), format!("tenant_id = \"{tenant}\""));
        let narrow = reader(Scope::Channels(vec![channel]));
        assert_eq!(
            narrow.customer_filter(),
            format!("tenant_id = \"{tenant}\" AND (channel_ids IN [\"{channel}\"] OR has_contacts = false)")
        );
        assert!(narrow.scope.allows(channel) && !narrow.scope.allows(tenant));
        assert!(reader(Scope::Channels(vec![])).message_filter().ends_with("channel_id IN []"));
    }
}
