//! What an agent may see, and calls with the caller's own token.

use tandem_access::Role;
use tandem_proto::customer::v1::{
    AddNoteRequest, ListCustomerConversationsRequest, ListCustomersRequest, ListNotesRequest,
    UpdateTagsRequest,
};
use tonic::Code;
use uuid::Uuid;

use crate::support::{Client, Harness, Person, conversation, external, get, gone, guarded, refused};

async fn names(client: &mut Client, page_size: i32) -> Vec<String> {
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListCustomersRequest { page_size, page_token, ..ListCustomersRequest::default() };
        let page = guarded(client.list_customers(request)).await.unwrap().into_inner();
        assert!(page.customers.len() <= usize::try_from(page_size).unwrap());
        names.extend(page.customers.into_iter().map(|customer| customer.display_name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return names;
        }
    }
}

#[tokio::test]
async fn an_agent_finds_customers_with_a_contact_in_scope_or_with_none() {
    let harness = Harness::start("agent_scope").await;
    let tenant = harness.tenant;
    let [mine, other]: [Uuid; 2] = [harness.ambient.id(), harness.ambient.id()];
    let near = Person::of(&harness, tenant, mine, "near", 100);
    let far = Person::of(&harness, tenant, other, "far", 100);
    let over_one = Person::of(&harness, tenant, other, "over both", 100).with(external("u"));
    let over_two = Person::of(&harness, tenant, mine, "", 200).with(external("u"));
    let bare = Person::of(&harness, tenant, other, "bare", 100);
    harness.told([&near, &far, &over_one, &over_two, &bare].map(Person::change)).await;
    harness.add_tags(bare.customer, &["kept"]).await;
    harness.told([gone(&bare.change())]).await;

    let mut agent = harness.client(tenant, "agent-1", Role::Agent);
    harness.conversation.let_see(&harness.token(Some(tenant), "agent-1", Role::Agent), &[mine]);
    for size in [1, 2, 200] {
        assert_eq!(names(&mut agent, size).await, ["near", "over both", ""]);
    }
    assert_eq!(get(&mut agent, over_two.customer).await.unwrap().contacts.len(), 2);
    let far_id = far.customer.to_string();
    refused(get(&mut agent, far.customer).await, Code::NotFound, "NOT_FOUND");
    let tags = UpdateTagsRequest {
        request_id: harness.id(),
        customer_id: far_id.clone(),
        add: vec!["x".to_owned()],
        remove: Vec::new(),
    };
    refused(guarded(agent.update_tags(tags)).await, Code::NotFound, "NOT_FOUND");
    let note = AddNoteRequest {
        request_id: harness.id(),
        customer_id: far_id.clone(),
        text: "x".to_owned(),
        ..AddNoteRequest::default()
    };
    let mut noting = harness.notes_as(tenant, "agent-1", Role::Agent);
    refused(guarded(noting.add_note(note)).await, Code::NotFound, "NOT_FOUND");
    let notes = ListNotesRequest { customer_id: far_id.clone(), ..ListNotesRequest::default() };
    refused(guarded(noting.list_notes(notes)).await, Code::NotFound, "NOT_FOUND");
    let history = ListCustomerConversationsRequest {
        customer_id: far_id,
        ..ListCustomerConversationsRequest::default()
    };
    refused(guarded(agent.list_customer_conversations(history)).await, Code::NotFound, "NOT_FOUND");
    assert_eq!(harness.conversation.scope_calls(), 1, "a scope is remembered for some seconds");
    assert_eq!(get(&mut harness.admin(), far.customer).await.unwrap().display_name, "far");
}

#[tokio::test]
async fn without_conversation_an_agent_waits_and_others_go_on() {
    let harness = Harness::start("no_scope").await;
    let ann = Person::new(&harness, "Ann", 100);
    harness.told([ann.change()]).await;
    let mut agent = harness.client(harness.tenant, "agent-unknown", Role::Agent);
    refused(get(&mut agent, ann.customer).await, Code::Unavailable, "DEPENDENCY_UNAVAILABLE");
    for role in [Role::Supervisor, Role::Admin, Role::Ai] {
        let mut client = harness.client(harness.tenant, "someone", role);
        assert_eq!(get(&mut client, ann.customer).await.unwrap().display_name, "Ann");
    }
}

#[tokio::test]
async fn the_history_runs_over_all_contacts_with_the_callers_own_token() {
    let harness = Harness::start("history").await;
    let tenant = harness.tenant;
    let ann = Person::new(&harness, "Ann", 100).with(external("u"));
    let same = Person::new(&harness, "Ann", 200).with(external("u"));
    let other = Person::new(&harness, "Ben", 200);
    let ids: Vec<Uuid> = (0..5).map(|_| harness.ambient.id()).collect();
    let talks = ids.iter().zip(1_i64..).map(|(id, n)| {
        let owner = [&ann, &same, &other][usize::try_from(n % 3).unwrap()];
        conversation(tenant, *id, owner.contact, 1, 1_000 + n)
    });
    harness.told([ann.change(), same.change(), other.change()].into_iter().chain(talks)).await;
    let mut admin = harness.admin();
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListCustomerConversationsRequest {
            customer_id: same.customer.to_string(),
            page_size: 2,
            page_token,
            at_least_as_fresh: Vec::new(),
        };
        let page = guarded(admin.list_customer_conversations(request)).await.unwrap().into_inner();
        all.extend(page.conversations);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let listed: Vec<&str> = all.iter().map(|conversation| conversation.id.as_str()).collect();
    let expected = [3, 2, 0].map(|n: usize| ids[n].to_string());
    assert_eq!(listed, expected.each_ref().map(String::as_str));
    assert!(all.iter().all(|conversation| conversation.customer_id == ann.customer.to_string()));
    assert_eq!(all[0].preview, harness.token(Some(tenant), "admin-1", Role::Admin));
}
