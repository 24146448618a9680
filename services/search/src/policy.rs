use tandem_access::{Relation, Role, Rule};

const READERS: &[Role] = &[Role::Agent, Role::Supervisor, Role::Admin, Role::Ai];

/// Who may call what. Agents find only what is on their teams' channels.
pub const RULES: &[Rule] = &[
    Rule {
        method: "/tandem.search.v1.SearchService/SearchMessages",
        roles: READERS,
        relation: Relation::TeamsChannel,
    },
    Rule {
        method: "/tandem.search.v1.SearchService/SearchCustomers",
        roles: READERS,
        relation: Relation::TeamsChannel,
    },
    Rule {
        method: "/tandem.search.v1.SearchService/Search",
        roles: READERS,
        relation: Relation::TeamsChannel,
    },
    Rule {
        method: "/tandem.search.v1.SearchService/SuggestTerms",
        roles: READERS,
        relation: Relation::TeamsChannel,
    },
    Rule {
        method: "/tandem.search.v1.SearchService/GetIndexStatus",
        roles: READERS,
        relation: Relation::TeamsChannel,
    },
    Rule {
        method: "/tandem.feed.v1.FreshnessService/AwaitChanges",
        roles: &[Role::Service],
        relation: Relation::Any,
    },
];

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;
    use tandem_access::Policy;

    use super::RULES;

    #[test]
    fn every_method_has_a_rule() {
        let pool = DescriptorPool::decode(tandem_proto::DESCRIPTOR_SET).unwrap();
        let services = ["tandem.search.v1.SearchService", "tandem.feed.v1.FreshnessService"];
        let methods = services.into_iter().flat_map(|name| {
            let service = pool.get_service_by_name(name).unwrap();
            service.methods().map(|method| format!("/{name}/{}", method.name())).collect::<Vec<_>>()
        });
        assert_eq!(Policy::new(RULES).covers(methods), Ok(()));
    }
}
