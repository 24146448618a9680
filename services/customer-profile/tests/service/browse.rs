//! Lists in every order, both ways, by every filter.

use prost_types::Timestamp;
use tandem_access::Role;
use tandem_proto::customer::v1::{
    AttributeType, AttributeValue, Customer, CustomerFilter, CustomerOrder, ListCustomersRequest,
    MatchCustomersRequest,
};
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::{
    Client, Harness, Person, claimed, conversation, external, gone, guarded, phone, refused,
};

/// The whole list in pages of a size; every page but the last is full, as few as there are here.
async fn walk(client: &mut Client, request: &ListCustomersRequest, size: i32) -> Vec<Customer> {
    let mut request = ListCustomersRequest { page_size: size, ..request.clone() };
    let mut all = Vec::new();
    loop {
        let page = guarded(client.list_customers(request.clone())).await.unwrap().into_inner();
        all.extend(page.customers);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return all;
        }
        assert_eq!(all.len() % usize::try_from(size).unwrap(), 0);
    }
}

fn names(customers: &[Customer]) -> Vec<&str> {
    customers.iter().map(|customer| customer.display_name.as_str()).collect()
}

/// Who matches; `None` for too many.
async fn matching(
    client: &mut Client,
    filter: Option<CustomerFilter>,
    customer_ids: Vec<String>,
) -> Option<Vec<String>> {
    let request = MatchCustomersRequest { filter, customer_ids, at_least_as_fresh: vec![] };
    let answer = guarded(client.match_customers(request)).await.unwrap().into_inner();
    assert!(!answer.too_many || answer.customer_ids.is_empty());
    (!answer.too_many).then_some(answer.customer_ids)
}

fn sorted(ids: &[String]) -> Vec<String> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn every_order_goes_both_ways_and_filters_meet() {
    let harness = Harness::start("browse").await;
    let tenant = harness.tenant;
    let other_channel = harness.ambient.id();
    let ann = Person::new(&harness, "Ann", 500).with(phone("+972501234567"));
    let ben = Person::of(&harness, tenant, other_channel, "Ben", 300);
    let cat = Person::new(&harness, "Çat", 400).with(external("cat"));
    let younger = Person::of(&harness, tenant, other_channel, "the same", 600).with(external("cat"));
    let nobody = Person::new(&harness, "", 200).with(claimed("x"));
    let bare = Person::new(&harness, "zo", 100);
    let mut changes: Vec<_> = [&ann, &ben, &cat, &younger, &nobody, &bare].map(Person::change).into();
    for (person, at) in [(&ann, 1_000), (&ben, 3_000), (&younger, 2_000), (&nobody, 4_000)] {
        changes.push(conversation(tenant, harness.ambient.id(), person.contact, 1, at));
    }
    harness.told(changes).await;
    // Someone whom people know but whom no contact is left of.
    harness.add_tags(bare.customer, &["vip"]).await;
    let zoe =
        Customer { id: bare.customer.to_string(), display_name: "Zoe".to_owned(), ..Customer::default() };
    harness.update(zoe, &["display_name"]).await.unwrap();
    harness.told([gone(&bare.change())]).await;
    harness.add_tags(cat.customer, &["VIP", "new"]).await;
    let vip = harness.add_tags(ann.customer, &["vip"]).await.tag_ids[0].clone();
    harness.define("plan", AttributeType::OneOf, &["Gold", "Tin"]).await;
    harness.define("seats", AttributeType::Number, &[]).await;
    let say = |person: &Person, category: &str, plan: &str, seats: &str| Customer {
        id: person.customer.to_string(),
        category: category.to_owned(),
        attributes: [("plan", plan), ("seats", seats)].map(|(key, value)| (key.into(), value.into())).into(),
        ..Customer::default()
    };
    for wish in
        [say(&ann, "shop", "Gold", "1.50"), say(&ben, "school", "Gold", ""), say(&younger, "shop", "Tin", "")]
    {
        harness.update(wish, &["category", "attributes"]).await.unwrap();
    }

    let mut admin = harness.admin();
    let all = ListCustomersRequest::default();
    let by =
        |order: CustomerOrder, reverse| ListCustomersRequest { order: order.into(), reverse, ..all.clone() };
    let orders = [
        (CustomerOrder::Name, ["Ann", "Ben", "Çat", "Zoe", ""]),
        (CustomerOrder::LastContact, ["", "Ben", "Çat", "Ann", "Zoe"]),
        (CustomerOrder::FirstContact, ["Ann", "Çat", "Ben", "", "Zoe"]),
    ];
    for (order, mut expected) in orders {
        for reverse in [false, true] {
            for size in [1, 2, 5, 50] {
                let found = walk(&mut admin, &by(order, reverse), size).await;
                assert_eq!(names(&found), expected, "{order:?}, reverse {reverse}, pages of {size}");
            }
            expected.reverse();
        }
    }
    // Both ways from a letter make the whole.
    for (reverse, expected) in [(false, vec!["Ben", "Çat", "Zoe", ""]), (true, vec!["Ann"])] {
        let request = ListCustomersRequest { from_name: "B".to_owned(), ..by(CustomerOrder::Name, reverse) };
        assert_eq!(names(&walk(&mut admin, &request, 1).await), expected);
    }

    let any = CustomerFilter::default;
    let is = |key: &str, value: &str| {
        let attribute = Some(AttributeValue { key: key.to_owned(), value: value.to_owned() });
        CustomerFilter { attribute, ..any() }
    };
    let on_other = CustomerFilter { channel_id: other_channel.to_string(), ..any() };
    let tagged = CustomerFilter { tag_id: vip.clone(), ..any() };
    let in_shop = CustomerFilter { category: "shop".to_owned(), ..any() };
    for (filter, expected) in [
        (tagged.clone(), vec!["Ann", "Çat", "Zoe"]),
        (in_shop.clone(), vec!["Ann", "Çat"]),
        (CustomerFilter { category: "Shop".to_owned(), ..any() }, vec![]),
        (is("plan", "Gold"), vec!["Ann", "Ben"]),
        (is("plan", "Tin"), vec!["Çat"]),
        (is("seats", "01.5"), vec!["Ann"]),
        (on_other.clone(), vec!["Ben", "Çat"]),
        (CustomerFilter { has_phone: Some(true), ..any() }, vec!["Ann"]),
        (CustomerFilter { has_phone: Some(false), ..any() }, vec!["Ben", "Çat", "Zoe", ""]),
        (CustomerFilter { has_phone: Some(false), ..tagged.clone() }, vec!["Çat", "Zoe"]),
        (CustomerFilter { attribute: is("plan", "Gold").attribute, ..on_other.clone() }, vec!["Ben"]),
        (CustomerFilter { tag_id: vip, ..in_shop.clone() }, vec!["Ann", "Çat"]),
        (CustomerFilter { tag_id: harness.id(), ..any() }, vec![]),
    ] {
        for size in [1, 50] {
            let request =
                ListCustomersRequest { filter: Some(filter.clone()), ..by(CustomerOrder::Name, false) };
            assert_eq!(names(&walk(&mut admin, &request, size).await), expected, "{filter:?}");
        }
        let request =
            ListCustomersRequest { filter: Some(filter.clone()), ..by(CustomerOrder::LastContact, true) };
        assert_eq!(walk(&mut admin, &request, 50).await.len(), expected.len());
        // Who matches is who is listed: of all, and of some in their order.
        let listed = ListCustomersRequest { filter: Some(filter.clone()), ..all.clone() };
        let listed: Vec<String> = walk(&mut admin, &listed, 50).await.into_iter().map(|c| c.id).collect();
        let mut found = matching(&mut admin, Some(filter.clone()), vec![]).await.unwrap();
        found.sort_unstable();
        assert_eq!(found, sorted(&listed), "{filter:?}");
        let everybody =
            [&bare, &younger, &cat, &nobody, &ben, &ann].map(|person| person.customer.to_string());
        let expected: Vec<String> = everybody.iter().filter(|id| listed.contains(id)).cloned().collect();
        assert_eq!(matching(&mut admin, Some(filter), everybody.to_vec()).await.unwrap(), expected);
    }
    assert_eq!(matching(&mut admin, None, vec![]).await, None, "nothing narrows it");

    // An agent finds those with a contact in scope and those with none, whatever the order.
    let mut agent = harness.client(tenant, "agent-1", Role::Agent);
    harness.conversation.let_see(&harness.token(Some(tenant), "agent-1", Role::Agent), &[other_channel]);
    for (order, expected) in [
        (CustomerOrder::Name, ["Ben", "Çat", "Zoe"]),
        (CustomerOrder::LastContact, ["Ben", "Çat", "Zoe"]),
        (CustomerOrder::FirstContact, ["Çat", "Ben", "Zoe"]),
    ] {
        for size in [1, 50] {
            assert_eq!(names(&walk(&mut agent, &by(order, false), size).await), expected, "{order:?}");
        }
    }
    let request = ListCustomersRequest { filter: Some(tagged), ..all.clone() };
    assert_eq!(names(&walk(&mut agent, &request, 1).await), ["Çat", "Zoe"]);
    let seen = [&cat, &bare].map(|person| person.customer.to_string());
    let among = [&ann, &cat, &bare].map(|person| person.customer.to_string());
    assert_eq!(matching(&mut agent, request.filter.clone(), among.to_vec()).await.unwrap(), seen);
    assert_eq!(matching(&mut agent, None, among.to_vec()).await.unwrap(), seen, "without a filter, too");
    let mut found = matching(&mut agent, request.filter, vec![]).await.unwrap();
    found.sort_unstable();
    assert_eq!(found, sorted(&seen));

    // A token goes on with its own list alone.
    let request = ListCustomersRequest { page_size: 1, ..by(CustomerOrder::LastContact, false) };
    let page_token =
        guarded(admin.list_customers(request.clone())).await.unwrap().into_inner().next_page_token;
    for other in [
        ListCustomersRequest { reverse: true, ..request.clone() },
        ListCustomersRequest { order: CustomerOrder::FirstContact.into(), ..request.clone() },
        ListCustomersRequest { filter: Some(in_shop), ..request.clone() },
    ] {
        let outcome =
            guarded(admin.list_customers(ListCustomersRequest { page_token: page_token.clone(), ..other }));
        refused(outcome.await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }

    // Who writes moves to the front, and the reverse walk goes on where it was.
    harness.told([conversation(tenant, harness.ambient.id(), ann.contact, 1, 9_000)]).await;
    let now = walk(&mut admin, &by(CustomerOrder::LastContact, false), 50).await;
    assert_eq!(names(&now), ["Ann", "", "Ben", "Çat", "Zoe"]);
    assert_eq!(now[0].last_contact_time, Some(Timestamp { seconds: 9_000, nanos: 0 }));

    let wrong = ListCustomersRequest {
        page_size: -1,
        order: 9,
        from_name: "a\0".to_owned(),
        filter: Some(CustomerFilter {
            tag_id: "x".to_owned(),
            category: "x".repeat(65),
            channel_id: "x".to_owned(),
            ..is("seats", "many")
        }),
        ..ListCustomersRequest::default()
    };
    let status = refused(guarded(admin.list_customers(wrong)).await, Code::InvalidArgument, "INVALID_FIELDS");
    let details = status.get_error_details();
    let fields: Vec<&str> =
        details.bad_request().unwrap().field_violations.iter().map(|wrong| wrong.field.as_str()).collect();
    for field in [
        "page_size",
        "order",
        "from_name",
        "filter.tag_id",
        "filter.category",
        "filter.channel_id",
        "filter.attribute.value",
    ] {
        assert!(fields.contains(&field), "{field}: {fields:?}");
    }
}
