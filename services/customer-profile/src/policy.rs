use tandem_access::Role::{Admin, Agent, Ai, Service, Supervisor};
use tandem_access::{Relation, Role, Rule};

/// Who talks to customers.
const PEOPLE: &[Role] = &[Agent, Supervisor, Admin, Ai];

/// Who may call what. An agent finds a customer with a contact on one of their channels, or with no contact at all.
pub const RULES: &[Rule] = &[
    customers("/tandem.customer.v1.CustomerService/GetCustomer"),
    customers("/tandem.customer.v1.CustomerService/ListCustomers"),
    customers("/tandem.customer.v1.CustomerService/MatchCustomers"),
    customers("/tandem.customer.v1.CustomerService/ListCustomerConversations"),
    customers("/tandem.customer.v1.CustomerService/UpdateCustomer"),
    customers("/tandem.customer.v1.CustomerService/UpdateTags"),
    customers("/tandem.customer.v1.CustomerService/BulkUpdateTags"),
    Rule {
        method: "/tandem.customer.v1.TagService/ListTags",
        roles: PEOPLE,
        // Tags are the tenant's vocabulary: every agent chooses from all of them.
        relation: Relation::Any,
    },
    word("/tandem.customer.v1.TagService/UpdateTag"),
    word("/tandem.customer.v1.TagService/MergeTags"),
    word("/tandem.customer.v1.TagService/DeleteTag"),
    customers("/tandem.customer.v1.NoteService/AddNote"),
    customers("/tandem.customer.v1.NoteService/ListNotes"),
    customers("/tandem.customer.v1.NoteService/UpdateNote"),
    customers("/tandem.customer.v1.NoteService/DeleteNote"),
    customers("/tandem.customer.v1.NoteService/PinNote"),
    customers("/tandem.customer.v1.NoteService/ListNoteHistory"),
    define("/tandem.customer.v1.PrivacyService/ExportCustomer"),
    define("/tandem.customer.v1.PrivacyService/EraseCustomer"),
    define("/tandem.customer.v1.PrivacyService/GetErasure"),
    define("/tandem.customer.v1.PrivacyService/ListErasures"),
    define("/tandem.customer.v1.ImportService/ImportCustomers"),
    define("/tandem.customer.v1.AttributeService/CreateAttributeDefinition"),
    define("/tandem.customer.v1.AttributeService/UpdateAttributeDefinition"),
    define("/tandem.customer.v1.AttributeService/DeleteAttributeDefinition"),
    Rule {
        method: "/tandem.customer.v1.AttributeService/ListAttributeDefinitions",
        roles: PEOPLE,
        // What the tenant keeps about customers: whoever sees a profile reads it by these.
        relation: Relation::Any,
    },
    merges("/tandem.customer.v1.MergeService/MergeCustomers"),
    merges("/tandem.customer.v1.MergeService/UndoMerge"),
    merges("/tandem.customer.v1.MergeService/ListMerges"),
    merges("/tandem.customer.v1.MergeService/ListMergeSuggestions"),
    merges("/tandem.customer.v1.MergeService/DismissSuggestion"),
    feed("/tandem.feed.v1.ChangeFeedService/Subscribe"),
    feed("/tandem.feed.v1.ChangeFeedService/Snapshot"),
    feed("/tandem.feed.v1.ChangeFeedService/Locate"),
];

const fn customers(method: &'static str) -> Rule {
    Rule { method, roles: PEOPLE, relation: Relation::TeamsChannel }
}

const fn define(method: &'static str) -> Rule {
    Rule { method, roles: &[Admin], relation: Relation::Any }
}

/// Who keeps the tenant's vocabulary in order.
const fn word(method: &'static str) -> Rule {
    Rule { method, roles: &[Supervisor, Admin], relation: Relation::Any }
}

/// Who is one person, people decide.
const fn merges(method: &'static str) -> Rule {
    Rule { method, roles: &[Agent, Supervisor, Admin], relation: Relation::TeamsChannel }
}

const fn feed(method: &'static str) -> Rule {
    Rule { method, roles: &[Service], relation: Relation::NoTenant }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use tandem_access::Policy;

    use super::*;

    #[test]
    fn every_method_that_is_served_has_a_rule() {
        let set = prost_types::FileDescriptorSet::decode(tandem_proto::DESCRIPTOR_SET).unwrap();
        let mut methods = Vec::new();
        for file in &set.file {
            let own = file.package() == "tandem.customer.v1";
            let served = |name: &str| own || name == "ChangeFeedService";
            for service in file.service.iter().filter(|service| served(service.name())) {
                let path = |method: &str| format!("/{}.{}/{method}", file.package(), service.name());
                methods.extend(service.method.iter().map(|method| path(method.name())));
            }
        }
        assert_eq!(methods.len(), RULES.len());
        assert_eq!(Policy::new(RULES).covers(methods), Ok(()));
    }
}
