//! `Search` on the wire.

use std::time::Duration;

use tandem_fault::{Result, Violations};
use tandem_proto::search::v1::{SearchRequest, SearchResponse, SearchSection};

use super::{convert, parse};
use crate::domain::customer::SearchCustomers;
use crate::domain::lag::Lag;
use crate::domain::message::SearchMessages;
use crate::domain::overview::{Overview, Question, Section};
use crate::domain::scope::Scope;

/// Milliseconds that a search may take, and takes when nothing is asked.
const BUDGET: (i32, i32, i32) = (50, 5_000, 1_000);
/// Of each part when the request names no number, and at most.
const SECTION: (i32, i32) = (5, 20);

pub fn question(request: SearchRequest) -> Result<Question> {
    let mut violations = Violations::new();
    let words = parse::query(&mut violations, "query", request.query, 256);
    let (least, most, default) = BUDGET;
    let budget = if request.budget_ms == 0 { default } else { request.budget_ms };
    let field = "budget_ms";
    violations.check((least..=most).contains(&budget), field, &format!("must be 0, or {least} to {most}"));
    let size = parse::size(&mut violations, "section_size", request.section_size, SECTION);
    violations.finish()?;
    Ok(Question {
        customers: SearchCustomers { words: words.clone(), filter: None, page_size: size, cursor: None },
        messages: SearchMessages::of_words(words, size),
        budget: Duration::from_millis(u64::try_from(budget).unwrap_or_default()),
    })
}

pub fn answer(overview: Overview, scope: &Scope, (messages, customers): (Lag, Lag)) -> SearchResponse {
    let sections = |sections: Vec<Section>| sections.into_iter().map(section).collect();
    let (missing, partial) = (sections(overview.missing()), sections(overview.partial()));
    let found = overview.customers.as_ref();
    SearchResponse {
        customers: found.map(|found| convert::shown_customers(found, scope)).unwrap_or_default(),
        conversations: overview.conversations.unwrap_or_default(),
        messages: overview.messages.map(|found| convert::conversations(found.groups)).unwrap_or_default(),
        missing,
        partial,
        message_lag: Some(convert::index_lag(messages)),
        customer_lag: Some(convert::index_lag(customers)),
    }
}

fn section(section: Section) -> i32 {
    match section {
        Section::Customers => SearchSection::Customers,
        Section::Conversations => SearchSection::Conversations,
        Section::Messages => SearchSection::Messages,
    }
    .into()
}
