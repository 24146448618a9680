//! A customer's profile over the real services: who wrote, who helped, what the team keeps, and how it is found again.

use prost_types::FieldMask;
use tandem_access::Role;
use tandem_proto::customer::v1::attribute_service_client::AttributeServiceClient;
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_proto::customer::v1::note_service_client::NoteServiceClient;
use tandem_proto::customer::v1::{
    AddNoteRequest, AttributeDefinition, AttributeType, AttributeValue, CreateAttributeDefinitionRequest,
    Customer, CustomerFilter, CustomerOrder, GetCustomerRequest, ListCustomersRequest, UpdateCustomerRequest,
    UpdateTagsRequest,
};
use tandem_proto::r#type::v1::ConversationStatus;
use tandem_tests::{Kind, Parts, Suite, phone, whatsapp};

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_sees_who_is_writing_and_finds_them_again() {
    let suite = Suite::start(Parts { customer_profile: true, ..Parts::WITH_ASSIGNMENT }).await;
    let (agents, _) = suite.agents(2).await;
    let channel = suite.create_channel().await;
    let as_agent = suite.channel(Kind::CustomerProfile, 0, &suite.spec("agent-0", Role::Agent));
    let mut agent = CustomerServiceClient::new(as_agent.clone());
    let ann = suite.write(channel, "m1", &[whatsapp("US.1"), phone("+972501234567")], "hello").await;
    suite.ambient.clock().advance(chrono::TimeDelta::seconds(5));
    suite.write(channel, "m2", &[whatsapp("US.2")], "hello").await;
    let [id, other] = [ann.conversation_id.clone(), suite.get(&ann.conversation_id).await.customer_id];
    suite.say(1, &id, &["one moment"]).await;
    suite.ambient.clock().advance(chrono::TimeDelta::seconds(5));
    suite.release(1, &id).await;
    let said = suite.say(0, &id, &["here I am"]).await;
    let get = |fresh: &str| GetCustomerRequest {
        customer_id: other.clone(),
        at_least_as_fresh: vec![fresh.to_owned()],
    };
    let panel = agent.get_customer(get(&said.change_token)).await.unwrap().into_inner();
    let customer = panel.customer.unwrap();
    assert_eq!(
        customer.agent_ids,
        [&agents[0], &agents[1]].map(ToString::to_string),
        "who helped last first"
    );
    assert_eq!((customer.conversation_count, customer.message_count), (1, 3));
    assert_eq!(customer.last_contact_time, suite.get(&id).await.last_activity_time);
    let shown = &panel.conversations[0];
    assert_eq!((panel.conversations.len(), &shown.id), (1, &id));
    assert_eq!((shown.status(), &shown.customer_id), (ConversationStatus::Open, &customer.id));

    // What the tenant keeps, and what the team says.
    let mut admin = AttributeServiceClient::new(suite.channel(
        Kind::CustomerProfile,
        0,
        &suite.spec("admin", Role::Admin),
    ));
    let definition = AttributeDefinition {
        key: "plan_type".to_owned(),
        title: "Plan".to_owned(),
        r#type: AttributeType::OneOf.into(),
        options: ["Gold", "Tin"].map(str::to_owned).into(),
        ..AttributeDefinition::default()
    };
    let request =
        CreateAttributeDefinitionRequest { request_id: suite.request_id(), definition: Some(definition) };
    let defined = admin.create_attribute_definition(request).await.unwrap().into_inner().definition.unwrap();
    let wish = Customer {
        id: customer.id.clone(),
        etag: customer.etag.clone(),
        display_name: "Ann".to_owned(),
        category: "shop".to_owned(),
        attributes: [("plan_type".to_owned(), "Gold".to_owned())].into(),
        ..Customer::default()
    };
    let paths = ["display_name", "category", "attributes.plan_type"].map(str::to_owned).into();
    let request = UpdateCustomerRequest {
        request_id: suite.request_id(),
        customer: Some(wish),
        update_mask: Some(FieldMask { paths }),
    };
    agent.update_customer(request).await.unwrap();
    let tags = UpdateTagsRequest {
        request_id: suite.request_id(),
        customer_id: customer.id.clone(),
        add: vec!["vip".to_owned()],
        remove: Vec::new(),
    };
    agent.update_tags(tags).await.unwrap();
    let note = AddNoteRequest {
        request_id: suite.request_id(),
        customer_id: customer.id.clone(),
        text: "knows us well".to_owned(),
        ..AddNoteRequest::default()
    };
    let mut notes = NoteServiceClient::new(as_agent);
    let noted = notes.add_note(note).await.unwrap().into_inner();
    let panel = agent.get_customer(get(&noted.change_token)).await.unwrap().into_inner();
    let kept = panel.customer.unwrap();
    assert_eq!((kept.display_name.as_str(), kept.category.as_str()), ("Ann", "shop"));
    assert_eq!(kept.attributes["plan_type"], "Gold");
    assert_eq!(panel.attribute_definitions, [defined]);
    assert_eq!((panel.tags[0].name.as_str(), &panel.notes[0]), ("vip", &noted.note.unwrap()));

    // Found again by every part of it, in the order of last contact: the other customer wrote before the agents answered.
    let all = ListCustomersRequest { order: CustomerOrder::LastContact.into(), ..Default::default() };
    let page = agent.list_customers(all.clone()).await.unwrap().into_inner().customers;
    assert_eq!((page.len(), &page[0]), (2, &kept));
    let attribute = AttributeValue { key: "plan_type".to_owned(), value: "Gold".to_owned() };
    let filter = CustomerFilter {
        tag_id: kept.tag_ids[0].clone(),
        category: "shop".to_owned(),
        attribute: Some(attribute),
        channel_id: channel.to_string(),
        has_phone: Some(true),
    };
    let request = ListCustomersRequest { filter: Some(filter.clone()), ..all.clone() };
    let found = agent.list_customers(request).await.unwrap().into_inner();
    assert_eq!((found.customers, found.next_page_token.as_str()), (vec![kept], ""));
    let without = CustomerFilter { has_phone: Some(false), ..CustomerFilter::default() };
    let request = ListCustomersRequest { filter: Some(without), ..all };
    assert_eq!(agent.list_customers(request).await.unwrap().into_inner().customers, page[1..]);
}
