//! `NoteService` on the wire.

use tandem_access::Role;
use tandem_fault::{Fault, Violations};
use tandem_proto::customer::v1::note_service_server::NoteService;
use tandem_proto::customer::v1::{
    AddNoteRequest, AddNoteResponse, DeleteNoteRequest, DeleteNoteResponse, ListNoteHistoryRequest,
    ListNoteHistoryResponse, ListNotesRequest, ListNotesResponse, PinNoteRequest, PinNoteResponse,
    UpdateNoteRequest, UpdateNoteResponse,
};
use tandem_signed_token::PageToken;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Call, CustomerRpc, check};
use crate::domain::note::{self, AddNote, DeleteNote, EditNote, Editor, History, List, PinNote};
use crate::wire;

/// Characters of a note.
const MOST_CHARACTERS: usize = 4_000;
/// Agents whom one note calls.
const MOST_CALLED: usize = 20;

#[tonic::async_trait]
impl NoteService for CustomerRpc {
    async fn add_note(&self, request: Request<AddNoteRequest>) -> Result<Response<AddNoteResponse>, Status> {
        let call = Call::of(request)?;
        let add = parse_add(&call)?;
        let scope = self.scope(&call).await?;
        let noted = note::add(&self.core, add, &scope).await?;
        let change_token = self.token(noted.change);
        Ok(Response::new(AddNoteResponse { note: Some(wire::note(noted.note)), change_token }))
    }

    async fn list_notes(
        &self,
        request: Request<ListNotesRequest>,
    ) -> Result<Response<ListNotesResponse>, Status> {
        let call = Call::of(request)?;
        let mut violations = Violations::new();
        let id = check::id(&mut violations, "customer_id", &call.message.customer_id);
        let page_size = check::page_size(&mut violations, call.message.page_size);
        violations.finish()?;
        let binding = call.binding("ListNotes", &id.to_string());
        let after = PageToken::resume(&self.signer, &binding, &call.message.page_token)?;
        let scope = self.scope(&call).await?;
        let list = List { customer: (call.tenant, id), page_size, after };
        let page = note::list(&self.core, list, &scope).await?;
        let next = page.next.map(|place| PageToken::encode(&self.signer, &binding, &place));
        Ok(Response::new(ListNotesResponse {
            notes: page.notes.into_iter().map(wire::note).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn update_note(
        &self,
        request: Request<UpdateNoteRequest>,
    ) -> Result<Response<UpdateNoteResponse>, Status> {
        let call = Call::of(request)?;
        let edit = parse_edit(&call)?;
        let scope = self.scope(&call).await?;
        let noted = note::edit(&self.core, edit, &scope).await?;
        let change_token = self.token(noted.change);
        Ok(Response::new(UpdateNoteResponse { note: Some(wire::note(noted.note)), change_token }))
    }

    async fn delete_note(
        &self,
        request: Request<DeleteNoteRequest>,
    ) -> Result<Response<DeleteNoteResponse>, Status> {
        let call = Call::of(request)?;
        let delete = parse_delete(&call)?;
        let scope = self.scope(&call).await?;
        let change = note::delete(&self.core, delete, &scope).await?;
        Ok(Response::new(DeleteNoteResponse { change_token: self.token(change) }))
    }

    async fn pin_note(&self, request: Request<PinNoteRequest>) -> Result<Response<PinNoteResponse>, Status> {
        let call = Call::of(request)?;
        let pin = parse_pin(&call)?;
        let scope = self.scope(&call).await?;
        let noted = note::pin(&self.core, pin, &scope).await?;
        let change_token = self.token(noted.change);
        Ok(Response::new(PinNoteResponse { note: Some(wire::note(noted.note)), change_token }))
    }

    async fn list_note_history(
        &self,
        request: Request<ListNoteHistoryRequest>,
    ) -> Result<Response<ListNoteHistoryResponse>, Status> {
        let call = Call::of(request)?;
        let mut violations = Violations::new();
        let id = check::id(&mut violations, "customer_id", &call.message.customer_id);
        let note_id = &call.message.note_id;
        let note_id = (!note_id.is_empty()).then(|| check::id(&mut violations, "note_id", note_id));
        let page_size = check::page_size(&mut violations, call.message.page_size);
        violations.finish()?;
        let binding = call.binding("ListNoteHistory", &format!("{id} {note_id:?}"));
        let after = PageToken::resume(&self.signer, &binding, &call.message.page_token)?;
        let with_deleted = leads(&call);
        let scope = self.scope(&call).await?;
        let asked = History { customer: (call.tenant, id), note_id, with_deleted, page_size, after };
        let page = note::history(&self.core, asked, &scope).await?;
        let next = page.next.map(|place| PageToken::encode(&self.signer, &binding, &place));
        Ok(Response::new(ListNoteHistoryResponse {
            revisions: page.revisions.into_iter().map(wire::revision).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }
}

/// Supervisors and admins change what others wrote, and read what was deleted.
fn leads<T>(call: &Call<T>) -> bool {
    call.caller.roles.has_any(&[Role::Supervisor, Role::Admin])
}

fn editor<T>(call: &Call<T>) -> Editor {
    Editor { subject: call.caller.subject.clone(), leads: leads(call) }
}

fn text(violations: &mut Violations, text: &str) -> String {
    let (text, length) = (text.trim(), text.trim().chars().count());
    violations.check((1..=MOST_CHARACTERS).contains(&length), "text", "must have 1 to 4,000 characters");
    violations.check(!text.contains('\0'), "text", "must have no NUL");
    text.to_owned()
}

fn mentions(violations: &mut Violations, given: &[String]) -> Vec<Uuid> {
    violations.check(given.len() <= MOST_CALLED, "mention_agent_ids", "must be at most 20");
    let mut ids = Vec::new();
    for (index, id) in given.iter().enumerate().take(MOST_CALLED) {
        let field = format!("mention_agent_ids[{index}]");
        let id = check::id(violations, &field, id);
        violations.check(id.is_nil() || !ids.contains(&id), &field, "must be different from the others");
        ids.push(id);
    }
    ids
}

fn parse_add(call: &Call<AddNoteRequest>) -> Result<AddNote, Fault> {
    let message = &call.message;
    let mut violations = Violations::new();
    let customer_id = check::id(&mut violations, "customer_id", &message.customer_id);
    let text = text(&mut violations, &message.text);
    let mention_agent_ids = mentions(&mut violations, &message.mention_agent_ids);
    let body = AddNoteRequest { request_id: String::new(), ..message.clone() };
    let request = check::request(&mut violations, call.tenant, "AddNote", &message.request_id, &body);
    violations.finish()?;
    let by_ai = call.caller.roles.has_any(&[Role::Ai]);
    let author_subject = call.caller.subject.clone();
    Ok(AddNote { request, customer_id, text, mention_agent_ids, author_subject, by_ai })
}

fn parse_edit(call: &Call<UpdateNoteRequest>) -> Result<EditNote, Fault> {
    let message = &call.message;
    let mut violations = Violations::new();
    let note_id = check::id(&mut violations, "note_id", &message.note_id);
    let text = text(&mut violations, &message.text);
    let mention_agent_ids = mentions(&mut violations, &message.mention_agent_ids);
    let body = UpdateNoteRequest { request_id: String::new(), etag: String::new(), ..message.clone() };
    let request = check::request(&mut violations, call.tenant, "UpdateNote", &message.request_id, &body);
    violations.finish()?;
    let (etag, editor) = (message.etag.clone(), editor(call));
    Ok(EditNote { request, note_id, text, mention_agent_ids, etag, editor })
}

fn parse_delete(call: &Call<DeleteNoteRequest>) -> Result<DeleteNote, Fault> {
    let message = &call.message;
    let mut violations = Violations::new();
    let note_id = check::id(&mut violations, "note_id", &message.note_id);
    let body = DeleteNoteRequest { request_id: String::new(), etag: String::new(), ..message.clone() };
    let request = check::request(&mut violations, call.tenant, "DeleteNote", &message.request_id, &body);
    violations.finish()?;
    Ok(DeleteNote { request, note_id, etag: message.etag.clone(), editor: editor(call) })
}

fn parse_pin(call: &Call<PinNoteRequest>) -> Result<PinNote, Fault> {
    let message = &call.message;
    let mut violations = Violations::new();
    let note_id = check::id(&mut violations, "note_id", &message.note_id);
    let body = PinNoteRequest { request_id: String::new(), ..message.clone() };
    let request = check::request(&mut violations, call.tenant, "PinNote", &message.request_id, &body);
    violations.finish()?;
    Ok(PinNote { request, note_id, pinned: message.pinned })
}
