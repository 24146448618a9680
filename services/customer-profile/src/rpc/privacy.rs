//! `PrivacyService` on the wire.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::LazyLock;

use futures::Stream;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use tandem_access::caller;
use tandem_bootstrap::{Deadline, shutting_down, until_drain};
use tandem_change_feed::Freshness;
use tandem_fault::{Fault, Violations};
use tandem_proto::conversation::v1::{
    Contact, Conversation, ListConversationsRequest, ListMessagesRequest, ListTimelineRequest,
    Message as Said, TimelineEntry,
};
use tandem_proto::customer::v1::privacy_service_server::PrivacyService;
use tandem_proto::customer::v1::{
    Customer, EraseCustomerRequest, EraseCustomerResponse, ExportCustomerRequest, ExportCustomerResponse,
    ExportedRecord, GetErasureRequest, GetErasureResponse, ListErasuresRequest, ListErasuresResponse, Note,
    NoteRevision, Tag,
};
use tandem_proto::r#type::v1::{ConversationFilter, ConversationOrder};
use tandem_signed_token::Signer;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Call, check};
use crate::domain::Core;
use crate::domain::note::{self, History};
use crate::domain::profile;
use crate::domain::scope::Scope;
use crate::peer::{Bearer, Conversations};
use crate::{domain, wire};

/// Records of one page, of this service's or of conversation's: of the longest messages a page is 3.2 MB.
const PAGE: i32 = 50;
/// Records of one message at most.
const RECORDS: usize = 500;
/// Contacts of one filter.
const CONTACTS: usize = 100;
/// What one message holds of records, unless a single one is larger: half of what callers take by default.
const BYTES: usize = 2 << 20;
/// Messages that wait for a slow reader.
const WAITING: usize = 2;

/// Whose records, and where their messages are described.
const OWN: (&str, &str) = ("customer-profile", "tandem.customer.v1");
const CONVERSATION: (&str, &str) = ("conversation", "tandem.conversation.v1");

/// Every message of the API.
static API: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(tandem_proto::DESCRIPTOR_SET).ok());

/// Serves `PrivacyService`.
pub struct PrivacyRpc {
    pub core: Core,
    pub freshness: Freshness,
    pub conversations: Conversations,
    pub signer: Signer,
    /// Ends what is under way when the process drains.
    pub end: CancellationToken,
}

#[tonic::async_trait]
impl PrivacyService for PrivacyRpc {
    type ExportCustomerStream = Pin<Box<dyn Stream<Item = Result<ExportCustomerResponse, Status>> + Send>>;

    async fn export_customer(
        &self,
        request: Request<ExportCustomerRequest>,
    ) -> Result<Response<Self::ExportCustomerStream>, Status> {
        let (caller, message) = (caller(&request)?, request.get_ref());
        let mut violations = Violations::new();
        let id = check::id(&mut violations, "customer_id", &message.customer_id);
        violations.finish()?;
        let bearer = Bearer::of(request.metadata())?;
        self.freshness.wait(&message.at_least_as_fresh).await?;
        let key = (caller.tenant()?, id);
        let profile = profile::get(&self.core, key, &Scope::All).await?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let export = Export {
            core: self.core.clone(),
            conversations: self.conversations.clone(),
            bearer,
            fresh: message.at_least_as_fresh.clone(),
            sender: sender.clone(),
        };
        let deadline = Deadline::current();
        let work = async move {
            tokio::select! {
                () = sender.closed() => {}
                ended = export.run((key.0, profile.id), wire::customer(&profile)) => {
                    if let Err(status) = ended {
                        let _ = sender.send(Err(status)).await;
                    }
                }
            }
        };
        // A task inherits nothing: the calls to conversation end with the caller's deadline.
        match deadline {
            Some(deadline) => tokio::spawn(deadline.scope(work)),
            None => tokio::spawn(work),
        };
        let stream = until_drain(ReceiverStream::new(receiver), self.end.clone(), Some(Err(shutting_down())));
        Ok(Response::new(Box::pin(stream)))
    }

    async fn erase_customer(
        &self,
        request: Request<EraseCustomerRequest>,
    ) -> Result<Response<EraseCustomerResponse>, Status> {
        self.erase(Call::of(request)?).await.map(Response::new)
    }

    async fn get_erasure(
        &self,
        request: Request<GetErasureRequest>,
    ) -> Result<Response<GetErasureResponse>, Status> {
        self.erasure(Call::of(request)?).await.map(Response::new)
    }

    async fn list_erasures(
        &self,
        request: Request<ListErasuresRequest>,
    ) -> Result<Response<ListErasuresResponse>, Status> {
        self.erasures(Call::of(request)?).await.map(Response::new)
    }
}

/// One export under way. It reads page by page and waits while nobody reads it.
struct Export {
    core: Core,
    conversations: Conversations,
    bearer: Bearer,
    fresh: Vec<String>,
    sender: mpsc::Sender<Result<ExportCustomerResponse, Status>>,
}

impl Export {
    async fn run(&self, key: (Uuid, Uuid), customer: Customer) -> Result<(), Status> {
        let customer = Customer { contacts: Vec::new(), ..customer };
        self.send(OWN, "Customer", &[customer]).await?;
        let held = domain::privacy::held(&self.core, key).await?;
        let merged: Vec<Customer> = held.merged.into_iter().map(|one| wire::merged(one, key.1)).collect();
        self.send(OWN, "Customer", &merged).await?;
        let contacts: Vec<Contact> = held.contacts.iter().map(wire::contact).collect();
        self.send((OWN.0, CONVERSATION.1), "Contact", &contacts).await?;
        let tags: Vec<Tag> = held.tags.into_iter().map(wire::tag).collect();
        self.send(OWN, "Tag", &tags).await?;
        self.notes(key).await?;
        self.revisions(key).await?;
        self.history(&contacts).await?;
        let last = ExportCustomerResponse { complete: true, ..ExportCustomerResponse::default() };
        let _ = self.sender.send(Ok(last)).await;
        Ok(())
    }

    async fn notes(&self, key: (Uuid, Uuid)) -> Result<(), Status> {
        let mut after = None;
        loop {
            let (notes, next) = note::every(&self.core, key, after, PAGE.into()).await?;
            let notes: Vec<Note> = notes.into_iter().map(wire::note).collect();
            self.send(OWN, "Note", &notes).await?;
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// What notes said before, those that were deleted too.
    async fn revisions(&self, key: (Uuid, Uuid)) -> Result<(), Status> {
        let mut after = None;
        loop {
            let asked =
                History { customer: key, note_id: None, with_deleted: true, page_size: PAGE.into(), after };
            let page = note::history(&self.core, asked, &Scope::All).await?;
            let revisions: Vec<NoteRevision> = page.revisions.into_iter().map(wire::revision).collect();
            self.send(OWN, "NoteRevision", &revisions).await?;
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Conversations over all contacts, each with what was said and what happened. By contact, since conversation may not
    /// have heard yet whose they are; in an order that no new message changes.
    async fn history(&self, contacts: &[Contact]) -> Result<(), Status> {
        let mut sent = HashSet::new();
        for contacts in contacts.chunks(CONTACTS) {
            let contact_ids = contacts.iter().map(|contact| contact.id.clone()).collect();
            let mut list = ListConversationsRequest {
                filter: Some(ConversationFilter { contact_ids, ..Default::default() }),
                order: ConversationOrder::NewestFirstContact.into(),
                page_size: PAGE,
                at_least_as_fresh: self.fresh.clone(),
                ..ListConversationsRequest::default()
            };
            loop {
                let page = self.conversations.list(&self.bearer, list.clone()).await?;
                for conversation in page.rows.into_iter().filter_map(|row| row.conversation) {
                    let id = conversation.id.clone();
                    if !sent.insert(id.clone()) {
                        continue;
                    }
                    self.send::<Conversation>(CONVERSATION, "Conversation", &[conversation]).await?;
                    self.messages(&id).await?;
                    self.timeline(&id).await?;
                }
                list.page_token = page.next_page_token;
                if list.page_token.is_empty() {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn messages(&self, conversation: &str) -> Result<(), Status> {
        let mut after_position = 0;
        loop {
            let request = ListMessagesRequest {
                conversation_id: conversation.to_owned(),
                after_position,
                page_size: PAGE,
                ..ListMessagesRequest::default()
            };
            let page = self.conversations.messages(&self.bearer, request).await?;
            self.send::<Said>(CONVERSATION, "Message", &page.messages).await?;
            match page.messages.last() {
                Some(last) if page.more => after_position = last.position,
                _ => return Ok(()),
            }
        }
    }

    async fn timeline(&self, conversation: &str) -> Result<(), Status> {
        let mut page_token = String::new();
        loop {
            let request =
                ListTimelineRequest { conversation_id: conversation.to_owned(), page_size: PAGE, page_token };
            let page = self.conversations.timeline(&self.bearer, request).await?;
            self.send::<TimelineEntry>(CONVERSATION, "TimelineEntry", &page.entries).await?;
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(());
            }
        }
    }

    /// Waits until there is room. A reader who went away ends the export by the channel's end.
    async fn send<M: Message>(
        &self,
        (service, package): (&str, &str),
        kind: &str,
        records: &[M],
    ) -> Result<(), Status> {
        let record = |message: &M| {
            Ok::<_, Fault>(ExportedRecord {
                service: service.to_owned(),
                kind: kind.to_owned(),
                json: json(&format!("{package}.{kind}"), message)?,
            })
        };
        let (mut part, mut bytes) = (Vec::new(), 0);
        for record in records.iter().map(record) {
            let record = record?;
            if bytes + record.encoded_len() > BYTES || part.len() == RECORDS {
                self.put(std::mem::take(&mut part)).await;
                bytes = 0;
            }
            bytes += record.encoded_len();
            part.push(record);
        }
        self.put(part).await;
        Ok(())
    }

    async fn put(&self, records: Vec<ExportedRecord>) {
        if !records.is_empty() {
            let _ = self.sender.send(Ok(ExportCustomerResponse { records, complete: false })).await;
        }
    }
}

/// A message in ProtoJSON.
fn json(name: &str, message: &impl Message) -> Result<String, Fault> {
    let descriptor = API.as_ref().and_then(|api| api.get_message_by_name(name));
    let descriptor = descriptor.ok_or_else(|| Fault::internal(format!("the API has no {name}")))?;
    let message =
        DynamicMessage::decode(descriptor, &message.encode_to_vec()[..]).map_err(Fault::internal)?;
    serde_json::to_string(&message).map_err(Fault::internal)
}
