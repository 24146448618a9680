use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use anyhow::{Result, bail};
use backon::{ConstantBuilder, Retryable};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use tandem_proto::conversation::v1::{Conversation, ListConversationsRequest, ListLabelsRequest};
use tandem_proto::customer::v1::{GetCustomerRequest, ListCustomerConversationsRequest};
use tandem_proto::r#type::v1::ConversationFilter;
use uuid::Uuid;

use super::compare::{Found, compare};
use super::parts;
use super::plan::{Plan, Script};
use super::stage::Stage;
use crate::exit::Refused;
use crate::gateway::{request, retried};
use crate::progress::Progress;

const PAGE: i32 = 200;
/// How many conversations are read at once.
const AT_ONCE: usize = 16;
/// How long customers may take to be linked: they come through the feed.
const PATIENCE: Duration = Duration::from_millis(250);
const TRIES: usize = 60;

/// Compares what the API tells with the files.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verification {
    /// Conversations of the files that were found.
    pub conversations: usize,
    /// Messages that were compared, one by one.
    pub messages: usize,
    /// Customers with several conversations that were looked at.
    pub returning_customers: usize,
    /// Stands for every id and position: equal when nothing came, went or changed.
    pub ids: String,
    pub differences: Vec<String>,
}

/// What was found for the scripts, by their place in the plan.
type Matches = BTreeMap<usize, Found>;

/// Reads everything on the replay's channels, and compares. Changes nothing.
pub async fn verify(stage: &Stage, plan: &Plan, progress: &Progress) -> Result<Verification> {
    let scripts: Vec<&Script> = plan.scripts().collect();
    let mut places: HashMap<&str, usize> = HashMap::new();
    // A conversation in which the customer never wrote has no id of the channel: it is known by its words.
    let mut silent: HashMap<Vec<String>, usize> = HashMap::new();
    for (place, script) in scripts.iter().enumerate() {
        let messages = &script.source.messages;
        places.extend(messages.iter().map(|message| (&message.id[..], place)));
        silent.insert(messages.iter().map(|message| message.text.clone()).collect(), place);
    }
    let mut verification = Verification::default();
    let mut matches = Matches::new();
    let all = conversations(stage).await?;
    progress.begin("comparing", all.len());
    let mut read =
        stream::iter(all.into_iter().map(|conversation| read(stage, conversation))).buffer_unordered(AT_ONCE);
    while let Some(found) = read.try_next().await? {
        progress.add(1);
        let by_id = found.messages.iter().find_map(|message| places.get(&message.external_id[..]));
        let place = by_id.or_else(|| silent.get(&found.texts()));
        let Some(place) = place else { continue };
        if let Some(other) = matches.insert(*place, found) {
            let id = &scripts[*place].source.conversation_id;
            verification.differences.push(format!("{id}: there twice, also as {}", other.conversation.id));
        }
    }
    drop(read);
    progress.end();
    let labels = labels(stage).await?;
    for (place, script) in scripts.iter().enumerate() {
        let id = &script.source.conversation_id;
        let Some(found) = matches.get(&place) else {
            verification.differences.push(format!("{id}: not there"));
            continue;
        };
        verification.conversations += 1;
        verification.messages += found.messages.len();
        let differences = compare(script, found, &labels);
        verification
            .differences
            .extend(differences.into_iter().map(|difference| format!("{id}: {difference}")));
    }
    customers(stage, &scripts, &matches, &mut verification).await?;
    verification.ids = digest(&matches);
    Ok(verification)
}

async fn conversations(stage: &Stage) -> Result<Vec<Conversation>> {
    let filter = ConversationFilter {
        channel_ids: vec![stage.whatsapp.clone(), stage.web_chat.clone()],
        ..Default::default()
    };
    let mut list = ListConversationsRequest {
        filter: Some(filter),
        page_size: PAGE,
        ..ListConversationsRequest::default()
    };
    let mut all = Vec::new();
    loop {
        let call =
            || async { stage.supervisor.conversations().list_conversations(request(list.clone())).await };
        let page = retried(call).await.map_err(Refused::from)?;
        all.extend(page.rows.into_iter().filter_map(|row| row.conversation));
        list.page_token = page.next_page_token;
        if list.page_token.is_empty() {
            return Ok(all);
        }
    }
}

async fn read(stage: &Stage, conversation: Conversation) -> Result<Found> {
    let messages = parts::messages(&stage.supervisor, &conversation.id).await.map_err(Refused::from)?;
    Ok(Found { conversation, messages })
}

async fn labels(stage: &Stage) -> Result<HashMap<String, String>> {
    let call = || async { stage.supervisor.conversations().list_labels(request(ListLabelsRequest {})).await };
    let answer = retried(call).await.map_err(Refused::from)?;
    Ok(answer.labels.into_iter().map(|label| (label.id, label.name)).collect())
}

/// Each returning customer must be one, with all their conversations, and totals that count the messages of the files.
async fn customers(
    stage: &Stage,
    scripts: &[&Script],
    matches: &Matches,
    verification: &mut Verification,
) -> Result<()> {
    let mut by_customer: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
    for (place, found) in matches {
        if let Some(id) = &scripts[*place].source.customer.external_id {
            by_customer.entry(id).or_default().push(found);
        }
    }
    by_customer.retain(|_, found| found.len() > 1);
    for (customer, found) in by_customer {
        verification.returning_customers += 1;
        let pauses = ConstantBuilder::default().with_delay(PATIENCE).with_max_times(TRIES);
        let check = || one_customer(stage, &found);
        if let Err(error) = check.retry(pauses).when(|error| !error.is::<Refused>()).await {
            verification.differences.push(format!("customer {customer}: {error:#}"));
        }
    }
    Ok(())
}

async fn one_customer(stage: &Stage, found: &[&Found]) -> Result<()> {
    let known: BTreeSet<&String> = found.iter().map(|found| &found.conversation.customer_id).collect();
    let (mut canonical, mut totals) = (BTreeSet::new(), BTreeSet::new());
    for customer_id in known {
        let get = GetCustomerRequest { customer_id: customer_id.clone(), at_least_as_fresh: Vec::new() };
        let call = || async { stage.supervisor.customers().get_customer(request(get.clone())).await };
        let customer = retried(call).await.map_err(Refused::from)?.customer.unwrap_or_default();
        totals.insert((customer.conversation_count, customer.message_count));
        canonical.insert(customer.id);
    }
    let (Some(id), 1) = (canonical.first(), canonical.len()) else {
        bail!("is {} customers: {canonical:?}", canonical.len());
    };
    let mut list =
        ListCustomerConversationsRequest { customer_id: id.clone(), page_size: PAGE, ..Default::default() };
    let mut theirs: BTreeSet<String> = BTreeSet::new();
    loop {
        let call = || async {
            stage.supervisor.customers().list_customer_conversations(request(list.clone())).await
        };
        let page = retried(call).await.map_err(Refused::from)?;
        theirs.extend(page.conversations.into_iter().map(|conversation| conversation.id));
        list.page_token = page.next_page_token;
        if list.page_token.is_empty() {
            break;
        }
    }
    let missing = found.iter().filter(|found| !theirs.contains(&found.conversation.id)).count();
    if missing > 0 {
        bail!("has {} conversations, {missing} of the files are not among them", theirs.len());
    }
    // Who wrote elsewhere too has more than the files say.
    let messages = found.iter().flat_map(|found| &found.messages).filter(|message| !message.private).count();
    let counted = (i64::try_from(found.len())?, i64::try_from(messages)?);
    if theirs.len() == found.len() && !totals.iter().all(|totals| *totals == counted) {
        bail!("has conversations and messages {totals:?}, the files have {counted:?}");
    }
    Ok(())
}

fn digest(matches: &Matches) -> String {
    let mut ids: Vec<String> = matches
        .values()
        .flat_map(|found| &found.messages)
        .map(|message| format!("{}/{}/{}", message.conversation_id, message.position, message.id))
        .collect();
    ids.sort();
    Uuid::new_v5(&Uuid::NAMESPACE_OID, ids.join("\n").as_bytes()).to_string()
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<20}{:>14}{:>14}", "compared", self.conversations, self.messages)?;
        writeln!(f, "{:<20}{:>14}", "returning customers", self.returning_customers)?;
        writeln!(f, "{:<20}{}", "ids", self.ids)?;
        write!(f, "{:<20}{:>14}", "differences", self.differences.len())?;
        for difference in self.differences.iter().take(20) {
            write!(f, "\n  {difference}")?;
        }
        if self.differences.len() > 20 {
            write!(f, "\n  …")?;
        }
        Ok(())
    }
}
