use tandem_fault::{Fault, Violations};
use tandem_proto::customer::v1::{AddNoteRequest, AddNoteResponse, ListNotesRequest, ListNotesResponse};
use tandem_signed_token::PageToken;
use tonic::Status;

use super::{Call, CustomerRpc, check};
use crate::domain::note::{self, AddNote, List};
use crate::wire;

/// Characters of a note.
const MOST_CHARACTERS: usize = 4_000;

impl CustomerRpc {
    pub(super) async fn note(&self, call: Call<AddNoteRequest>) -> Result<AddNoteResponse, Status> {
        let add = parse_add(&call)?;
        let scope = self.scope(&call).await?;
        let noted = note::add(&self.core, add, &scope).await?;
        Ok(AddNoteResponse { note: Some(wire::note(noted.note)), change_token: self.token(noted.change) })
    }

    pub(super) async fn notes(&self, call: Call<ListNotesRequest>) -> Result<ListNotesResponse, Status> {
        let mut violations = Violations::new();
        let id = check::id(&mut violations, "customer_id", &call.message.customer_id);
        let page_size = check::page_size(&mut violations, call.message.page_size);
        violations.finish()?;
        let binding = call.binding("ListNotes", &id.to_string());
        let after = PageToken::resume(&self.signer, &binding, &call.message.page_token)?;
        let scope = self.scope(&call).await?;
        let page =
            note::list(&self.core, List { customer: (call.tenant, id), page_size, after }, &scope).await?;
        let next = page.next.map(|place| PageToken::encode(&self.signer, &binding, &place));
        Ok(ListNotesResponse {
            notes: page.notes.into_iter().map(wire::note).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }
}

fn parse_add(call: &Call<AddNoteRequest>) -> Result<AddNote, Fault> {
    let message = &call.message;
    let mut violations = Violations::new();
    let customer_id = check::id(&mut violations, "customer_id", &message.customer_id);
    let (text, length) = (message.text.trim(), message.text.trim().chars().count());
    violations.check((1..=MOST_CHARACTERS).contains(&length), "text", "must have 1 to 4,000 characters");
    violations.check(!text.contains('\0'), "text", "must have no NUL");
    let body = AddNoteRequest { request_id: String::new(), ..message.clone() };
    let request = check::request(&mut violations, call.tenant, "AddNote", &message.request_id, &body);
    violations.finish()?;
    Ok(AddNote { request, customer_id, text: text.to_owned(), author_subject: call.caller.subject.clone() })
}
