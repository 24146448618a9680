//! Imports on the wire.

use std::collections::{BTreeMap, HashSet};

use tandem_fault::{Fault, Violations};
use tandem_proto::customer::v1::import_result::Outcome as Result_;
use tandem_proto::customer::v1::import_service_server::ImportService;
use tandem_proto::customer::v1::{
    ImportCustomersRequest, ImportCustomersResponse, ImportEffect, ImportRecord, ImportRefused, ImportResult,
    ImportViolation, ImportedRecord,
};
use tandem_proto::r#type::v1::ErrorReason;
use tonic::{Request, Response, Status};

use super::{CATEGORY, Call, CustomerRpc, LINE, check};
use crate::domain::address::{self, Address, Region};
use crate::domain::attribute::Wish;
use crate::domain::import::{self, Effect, Import, Outcome, Record, Text};
use crate::domain::tag::TagName;

/// Records of one request.
const MOST_RECORDS: usize = 500;
/// Addresses of one kind.
const MOST_ADDRESSES: usize = 20;
const MOST_TAGS: usize = 50;
const MOST_ATTRIBUTES: usize = 100;

#[tonic::async_trait]
impl ImportService for CustomerRpc {
    async fn import_customers(
        &self,
        request: Request<ImportCustomersRequest>,
    ) -> Result<Response<ImportCustomersResponse>, Status> {
        let call = Call::of(request)?;
        let import = parse(&call)?;
        let done = import::import(&self.core, import).await?;
        let results = call.message.records.into_iter().zip(done.outcomes);
        let change_token = if call.message.validate_only { String::new() } else { self.token(done.change) };
        Ok(Response::new(ImportCustomersResponse {
            results: results.map(|(record, outcome)| result(record.external_id, outcome)).collect(),
            change_token,
        }))
    }
}

fn parse(call: &Call<ImportCustomersRequest>) -> Result<Import, Fault> {
    let message = &call.message;
    let mut violations = Violations::new();
    let number = (1..=MOST_RECORDS).contains(&message.records.len());
    violations.check(number, "records", "must be 1 to 500 records");
    let code = &message.phone_region;
    let region = Region::parse(code);
    let is_region = code.is_empty() || region.is_some();
    violations.check(is_region, "phone_region", "must be an ISO 3166 code of two letters, such as IL");
    let records = message.records.iter().take(MOST_RECORDS).map(|record| read(record, region)).collect();
    let body = Counted::of(message);
    let request =
        check::request(&mut violations, call.tenant, "ImportCustomers", &message.request_id, &body.0);
    violations.finish()?;
    Ok(Import {
        request,
        records,
        by_subject: call.caller.subject.clone(),
        validate_only: message.validate_only,
    })
}

/// The request as it counts: maps have no order on the wire, so attributes stand in that of their keys.
struct Counted(ImportCustomersRequest);

impl Counted {
    fn of(message: &ImportCustomersRequest) -> Self {
        let counted = |record: &ImportRecord| {
            let mut record = record.clone();
            let attributes: BTreeMap<_, _> = std::mem::take(&mut record.attributes).into_iter().collect();
            record.tags.push(String::new());
            record.tags.extend(attributes.into_iter().flat_map(|(key, value)| [key, value]));
            record
        };
        let records = message.records.iter().map(counted).collect();
        Self(ImportCustomersRequest { request_id: String::new(), records, ..message.clone() })
    }
}

fn read(given: &ImportRecord, region: Option<Region>) -> Record {
    let mut wrong = Violations::new();
    let external_id = check::line(&mut wrong, "external_id", &given.external_id, LINE);
    wrong.check(!external_id.is_empty(), "external_id", "must not be empty");
    let mut texts = BTreeMap::new();
    for text in Text::ALL {
        let (value, most) = match text {
            Text::DisplayName => (&given.display_name, LINE),
            Text::Language => (&given.language, LINE),
            Text::TimeZone => (&given.time_zone, LINE),
            Text::Company => (&given.company, LINE),
            Text::Category => (&given.category, CATEGORY),
        };
        let value = check::line(&mut wrong, text.as_str(), value, most);
        if value.is_empty() {
            continue;
        }
        match text {
            Text::Language => {
                wrong.check(check::is_language(&value), "language", "must be a BCP 47 tag");
            }
            Text::TimeZone => {
                wrong.check(check::is_time_zone(&value), "time_zone", "must be an IANA time zone");
            }
            _ => {}
        }
        texts.insert(text, value);
    }
    let mut addresses =
        list(&mut wrong, "phones", &given.phones, |sent| address::imported_phone(sent, region));
    addresses.extend(list(&mut wrong, "emails", &given.emails, address::imported_email));
    wrong.check(given.tags.len() <= MOST_TAGS, "tags", "must be at most 50 names");
    let tags = (0..)
        .zip(&given.tags)
        .take(MOST_TAGS)
        .filter_map(|(index, name): (usize, _)| wrong.take(&format!("tags[{index}]"), TagName::parse(name)));
    let tags = tags.collect();
    wrong.check(given.attributes.len() <= MOST_ATTRIBUTES, "attributes", "must be at most 100");
    let given = given.attributes.clone().into_iter().take(MOST_ATTRIBUTES);
    // Empty is not said.
    let given = given.filter(|(_, value)| !value.trim().is_empty()).collect();
    Record { external_id, texts, addresses, tags, attributes: Wish { all: false, given }, wrong }
}

/// Addresses of one kind, each once.
fn list(
    wrong: &mut Violations,
    field: &str,
    given: &[String],
    read: impl Fn(&str) -> Result<Address, &'static str>,
) -> Vec<Address> {
    wrong.check(given.len() <= MOST_ADDRESSES, field, "must be at most 20");
    let mut seen = HashSet::new();
    let mut listed = Vec::new();
    for (index, sent) in given.iter().enumerate().take(MOST_ADDRESSES) {
        let address = wrong.take(&format!("{field}[{index}]"), read(sent));
        listed.extend(address.filter(|address| seen.insert(address.key.clone())));
    }
    listed
}

fn result(external_id: String, outcome: Outcome) -> ImportResult {
    let refused = |reason: ErrorReason, message: &str, wrong: Vec<(String, String)>| {
        let violation = |(field, description)| ImportViolation { field, description };
        Result_::Refused(ImportRefused {
            reason: reason.into(),
            message: message.to_owned(),
            violations: wrong.into_iter().map(violation).collect(),
        })
    };
    let outcome = match outcome {
        Outcome::Imported { customer_id, effect, kept } => Result_::Imported(ImportedRecord {
            customer_id: customer_id.to_string(),
            effect: effect_of(effect).into(),
            kept_fields: kept,
        }),
        Outcome::Invalid(wrong) => {
            refused(ErrorReason::InvalidFields, "the record has invalid fields", wrong)
        }
        Outcome::TooManyTags => {
            refused(ErrorReason::LimitReached, "a customer carries at most 50 tags", Vec::new())
        }
        Outcome::Erased => {
            refused(ErrorReason::Erased, "the customer was erased, and nothing of it comes back", Vec::new())
        }
    };
    ImportResult { external_id, outcome: Some(outcome) }
}

fn effect_of(effect: Effect) -> ImportEffect {
    match effect {
        Effect::Created => ImportEffect::Created,
        Effect::Updated => ImportEffect::Updated,
        Effect::Unchanged => ImportEffect::Unchanged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_with_a_record_is_named_at_once() {
        let record = ImportRecord {
            language: "english language".into(),
            time_zone: "+03:00".into(),
            company: "x".repeat(201),
            phones: vec!["+972501234567".into(), "12".into()],
            emails: vec!["nobody".into()],
            tags: vec![String::new()],
            ..ImportRecord::default()
        };
        let wrong = read(&record, None).wrong.into_fault().violations;
        let mut fields: Vec<&str> = wrong.iter().map(|one| one.field.as_str()).collect();
        fields.sort_unstable();
        let named = ["company", "emails[0]", "external_id", "language", "phones[1]", "tags[0]", "time_zone"];
        assert_eq!(fields, named);
    }

    #[test]
    fn the_body_counts_whatever_the_order_of_attributes() {
        let request = |pairs: &[(&str, &str)]| {
            let attributes = pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
            let record = ImportRecord { attributes, ..ImportRecord::default() };
            let records = vec![record];
            Counted::of(&ImportCustomersRequest { records, ..ImportCustomersRequest::default() }).0
        };
        assert_eq!(request(&[("a", "1"), ("b", "2")]), request(&[("b", "2"), ("a", "1")]));
        assert_ne!(request(&[("a", "1")]), request(&[("a", "2")]));
    }
}
