use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::text::{digits, names, runs};

/// The version of [`CustomerDocument`]: raise it when what the document holds changes, and the index is rebuilt.
pub const SHAPE: i32 = 2;

/// What is known of a customer that customers are found by.
#[derive(Debug, Clone)]
pub struct Person {
    pub tenant: Uuid,
    pub id: Uuid,
    /// The customer's name and those that channels give, each once.
    pub names: Vec<String>,
    pub emails: Vec<String>,
    pub phones: Vec<String>,
    /// The channels of the contacts, each once.
    pub channels: Vec<Uuid>,
    pub has_contacts: bool,
    pub tags: Vec<String>,
    /// Company, category, and the ids that imports know the person by.
    pub facts: Vec<String>,
    /// In milliseconds since 1970; 0 when unknown.
    pub last_contact: i64,
    /// The whole customer in the API's form, which a search answers without asking anybody.
    pub encoded: String,
}

/// What is indexed of a customer.
#[derive(Debug, Clone, Serialize)]
pub struct CustomerDocument {
    /// Tenant and customer: ids alone could be the same in two tenants.
    id: String,
    tenant_id: Uuid,
    customer_id: Uuid,
    channel_ids: Vec<Uuid>,
    has_contacts: bool,
    tag_ids: Vec<String>,
    last_contact: i64,
    names: Vec<String>,
    starts: String,
    emails: Vec<String>,
    phones: Vec<String>,
    facts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pairs: Vec<String>,
    customer: String,
}

/// What the index answers of a customer.
#[derive(Debug, Clone, Deserialize)]
pub struct FoundCustomer {
    /// Nil in a document of the shape before.
    #[serde(default)]
    pub customer_id: Uuid,
    /// In the API's form, as it was indexed.
    pub customer: String,
}

/// The fields of [`FoundCustomer`].
pub const ANSWER: &[&str] = &["customer_id", "customer"];

/// The primary key of a customer's document.
pub fn document_id(tenant: Uuid, customer: Uuid) -> String {
    format!("{}_{}", tenant.simple(), customer.simple())
}

impl From<Person> for CustomerDocument {
    fn from(person: Person) -> Self {
        let mut phones: Vec<String> = person.phones.iter().flat_map(|phone| digits::ends(phone)).collect();
        phones.sort_unstable();
        phones.dedup();
        Self {
            id: document_id(person.tenant, person.id),
            tenant_id: person.tenant,
            customer_id: person.id,
            channel_ids: person.channels,
            has_contacts: person.has_contacts,
            tag_ids: person.tags,
            last_contact: person.last_contact,
            starts: names::beginnings(person.names.iter().map(String::as_str)).join(" "),
            pairs: runs::indexed(&[&person.names[..], &person.facts[..]].concat().join("\n")),
            facts: person.facts,
            names: person.names,
            emails: person.emails,
            phones,
            customer: person.encoded,
        }
    }
}
