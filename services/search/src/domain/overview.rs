//! Customers, their conversations, and messages for one screen, within a budget of time.

use std::time::Duration;

use tandem_fault::{Fault, Reason, Result};
use tokio::time::{Instant, timeout_at};

use crate::domain::customer::{Customers, FoundCustomers, SearchCustomers};
use crate::domain::message::search::FoundMessages;
use crate::domain::message::{Messages, SearchMessages};
use crate::domain::scope::Reader;
use crate::peer::{Asking, Row};

/// The parts of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    Customers,
    Conversations,
    Messages,
}

/// What is asked of each part.
#[derive(Debug)]
pub struct Question {
    pub customers: SearchCustomers,
    pub messages: SearchMessages,
    pub budget: Duration,
}

/// What each part found; `None` for one that did not answer in time.
#[derive(Debug)]
pub struct Overview {
    pub customers: Option<FoundCustomers>,
    pub conversations: Option<Vec<Row>>,
    pub messages: Option<FoundMessages>,
}

/// Asks for all parts at once. Customers' conversations are asked for as soon as customers are found.
///
/// Errors: `UNAVAILABLE` when neither customers nor messages answer in time; what one of them finds wrong.
pub async fn overview(
    customers: &Customers,
    messages: &Messages,
    reader: &Reader,
    asking: &Asking,
    question: &Question,
) -> Result<Overview> {
    let end = Instant::now() + question.budget;
    let people = people(customers, messages, reader, asking, question, end);
    let texts = in_time(end, messages.search(reader, asking, &question.messages));
    let (people, texts) = tokio::join!(people, texts);
    let ((customers, conversations), messages) = (people?, texts?);
    if customers.is_none() && messages.is_none() {
        let silent = Fault::new(Reason::DependencyUnavailable, "nothing was found within the budget");
        return Err(silent.retry_after(Duration::from_secs(1)));
    }
    Ok(Overview { customers, conversations, messages })
}

/// Customers and their conversations.
async fn people(
    customers: &Customers,
    messages: &Messages,
    reader: &Reader,
    asking: &Asking,
    question: &Question,
    end: Instant,
) -> Result<(Option<FoundCustomers>, Option<Vec<Row>>)> {
    let found = in_time(end, customers.search(reader, asking, &question.customers)).await?;
    let Some(found) = found else { return Ok((None, None)) };
    let ids = found.customers.iter().map(|customer| customer.customer_id);
    // Nil in documents of the shape before.
    let ids: Vec<String> = ids.filter(|id| !id.is_nil()).map(|id| id.to_string()).collect();
    if ids.is_empty() {
        return Ok((Some(found), Some(Vec::new())));
    }
    let most = question.customers.page_size;
    let rows = in_time(end, messages.conversations.newest(asking, ids, most)).await?;
    Ok((Some(found), rows))
}

/// `None` for what is late, or away.
async fn in_time<T>(end: Instant, part: impl Future<Output = Result<T>>) -> Result<Option<T>> {
    match timeout_at(end, part).await {
        Ok(Ok(answer)) => Ok(Some(answer)),
        Ok(Err(fault)) if fault.reason == Reason::DependencyUnavailable => Ok(None),
        Ok(Err(fault)) => Err(fault),
        Err(_) => Ok(None),
    }
}

impl Overview {
    /// The parts that did not answer.
    pub fn missing(&self) -> Vec<Section> {
        let parts = [
            (Section::Customers, self.customers.is_none()),
            (Section::Conversations, self.conversations.is_none()),
            (Section::Messages, self.messages.is_none()),
        ];
        parts.into_iter().filter(|part| part.1).map(|part| part.0).collect()
    }

    /// The parts that were ended early.
    pub fn partial(&self) -> Vec<Section> {
        let parts = [
            (Section::Customers, self.customers.as_ref().is_some_and(|found| found.partial)),
            (Section::Messages, self.messages.as_ref().is_some_and(|found| found.partial)),
        ];
        parts.into_iter().filter(|part| part.1).map(|part| part.0).collect()
    }
}
