//! One person with many addresses, over all services: links by themselves, merges by people, and back.

use std::collections::BTreeSet;

use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::conversation::v1::{
    CountConversationsRequest, CountPrecision, GetConversationRequest, ListConversationsRequest,
};
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_proto::customer::v1::merge_service_client::MergeServiceClient;
use tandem_proto::customer::v1::{
    Customer, GetCustomerRequest, ListCustomerConversationsRequest, MergeCustomersRequest, UndoMergeRequest,
    UpdateTagsRequest,
};
use tandem_proto::r#type::v1::{ConversationFilter, Identity, IdentityKind, TagFilter};
use tandem_tests::{Kind, Parts, Suite, eventually, item_at, stored, visitor, whatsapp};
use uuid::Uuid;

/// The business's own id of somebody, for which the channel vouches: it has checked the signature of the sign-in.
fn signed_in(value: &str) -> Identity {
    Identity { kind: IdentityKind::ExternalId.into(), value: value.to_owned(), verified: true }
}

/// A change token as a read takes it; none when empty.
fn fresh(token: &str) -> Vec<String> {
    Vec::from_iter((!token.is_empty()).then(|| token.to_owned()))
}

struct People {
    suite: Suite,
    customers: CustomerServiceClient<InternalChannel>,
    merges: MergeServiceClient<InternalChannel>,
}

impl People {
    async fn start() -> Self {
        let suite = Suite::start(Parts { customer_profile: true, ..Parts::WITH_ASSIGNMENT }).await;
        let lead = suite.channel(Kind::CustomerProfile, 0, &suite.spec("lead", Role::Supervisor));
        let customers = CustomerServiceClient::new(lead.clone());
        Self { suite, customers, merges: MergeServiceClient::new(lead) }
    }

    /// The conversation and the change token of a message.
    async fn write(&self, channel: Uuid, id: &str, who: &[Identity]) -> (String, String) {
        self.suite.ambient.clock().advance(chrono::TimeDelta::seconds(1));
        let item = item_at(id, who.to_vec(), "hello", self.suite.ambient.now());
        let mut answer = self.suite.ingest(0, channel, vec![item]).await;
        (stored(answer.results.remove(0)).conversation_id, answer.change_token)
    }

    async fn get(&mut self, customer_id: &str, token: &str) -> Customer {
        let request =
            GetCustomerRequest { customer_id: customer_id.to_owned(), at_least_as_fresh: fresh(token) };
        self.customers.get_customer(request).await.unwrap().into_inner().customer.unwrap()
    }

    async fn history(&mut self, customer_id: &str, token: &str) -> BTreeSet<String> {
        let request = ListCustomerConversationsRequest {
            customer_id: customer_id.to_owned(),
            at_least_as_fresh: fresh(token),
            ..ListCustomerConversationsRequest::default()
        };
        let page = self.customers.list_customer_conversations(request).await.unwrap().into_inner();
        page.conversations.into_iter().map(|conversation| conversation.id).collect()
    }

    /// The conversations that a filter finds at once after a write, which are also as many as are counted.
    async fn found(&self, filter: ConversationFilter, token: &str) -> BTreeSet<String> {
        let fresh = fresh(token);
        let request = ListConversationsRequest {
            filter: Some(filter.clone()),
            at_least_as_fresh: fresh.clone(),
            ..ListConversationsRequest::default()
        };
        let rows = self.suite.as_admin().list_conversations(request).await.unwrap().into_inner().rows;
        let request = CountConversationsRequest {
            filters: vec![filter],
            at_least_as_fresh: fresh,
            ..CountConversationsRequest::default()
        };
        let counts = self.suite.as_admin().count_conversations(request).await.unwrap().into_inner().counts;
        assert_eq!((counts[0].precision(), counts[0].count), (CountPrecision::Exact, rows.len() as i64));
        rows.into_iter().filter_map(|row| row.conversation).map(|conversation| conversation.id).collect()
    }

    async fn of_customer(&self, customer_id: &str, token: &str) -> BTreeSet<String> {
        let customer_ids = vec![customer_id.to_owned()];
        self.found(ConversationFilter { customer_ids, ..ConversationFilter::default() }, token).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_who_signs_in_becomes_the_known_customer_and_keeps_the_conversation() {
    let mut people = People::start().await;
    let (line, web) = (people.suite.create_channel().await, people.suite.create_channel().await);
    let (known, _) = people.write(line, "m1", &[whatsapp("US.1"), signed_in("u-1")]).await;
    let known_id = people.suite.get(&known).await.customer_id;
    let (thread, token) = people.write(web, "v1", &[visitor("browser-1")]).await;
    let anonymous = people.suite.get(&thread).await.customer_id;
    assert_eq!(people.get(&anonymous, &token).await.id, anonymous);

    let (same, token) = people.write(web, "v2", &[visitor("browser-1"), signed_in("u-1")]).await;
    assert_eq!(same, thread, "the anonymous conversation goes on");
    let customer = people.get(&anonymous, &token).await;
    assert_eq!((customer.id.as_str(), customer.contacts.len()), (known_id.as_str(), 2));
    assert_eq!((customer.conversation_count, customer.message_count), (2, 3));
    let both = BTreeSet::from([known.clone(), thread.clone()]);
    assert_eq!(people.history(&known_id, &token).await, both);
    eventually("conversation knows whose it is", async || {
        let request = GetConversationRequest { conversation_id: thread.clone(), ..Default::default() };
        let got = people.suite.as_admin().get_conversation(request).await.unwrap().into_inner();
        (got.row?.conversation?.customer_id == known_id).then_some(())
    })
    .await;
    assert_eq!(people.of_customer(&known_id, "").await, both);

    // Somebody else signs in at the same browser, and somebody only says who they are.
    let (other, token) = people.write(web, "v3", &[visitor("browser-1"), signed_in("u-2")]).await;
    assert_ne!(other, thread);
    let other_id = people.suite.get(&other).await.customer_id;
    assert_eq!(people.get(&other_id, &token).await.contacts.len(), 1);
    let claim = Identity { verified: false, ..signed_in("u-1") };
    let (liar, token) = people.write(web, "v4", &[visitor("browser-2"), claim]).await;
    let liar_id = people.suite.get(&liar).await.customer_id;
    assert_eq!(people.get(&liar_id, &token).await.id, liar_id);
    assert_eq!(people.history(&known_id, &token).await, both);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_and_its_undo_are_seen_at_once_in_every_service() {
    let mut people = People::start().await;
    let (line, web) = (people.suite.create_channel().await, people.suite.create_channel().await);
    let (one, _) = people.write(line, "m1", &[whatsapp("US.1")]).await;
    let (two, token) = people.write(web, "v1", &[visitor("browser-1")]).await;
    let (ann, ben) = (people.suite.get(&one).await.customer_id, people.suite.get(&two).await.customer_id);
    people.get(&ann, &token).await;
    let request = UpdateTagsRequest {
        request_id: people.suite.request_id(),
        customer_id: ann.clone(),
        add: vec!["vip".to_owned()],
        ..UpdateTagsRequest::default()
    };
    let tagged = people.customers.update_tags(request).await.unwrap().into_inner();
    let any = vec![tagged.tags[0].id.clone()];
    let customer_tags = Some(TagFilter { any, ..TagFilter::default() });
    let vip = ConversationFilter { customer_tags, ..ConversationFilter::default() };
    let (first, second) = (BTreeSet::from([one.clone()]), BTreeSet::from([two.clone()]));
    let both = BTreeSet::from([one.clone(), two.clone()]);
    assert_eq!(people.found(vip.clone(), &tagged.change_token).await, first);

    for survivor in [&ben, &ann] {
        let merged = if *survivor == ann { &ben } else { &ann };
        let request = MergeCustomersRequest {
            request_id: people.suite.request_id(),
            survivor_id: survivor.clone(),
            merged_id: merged.clone(),
        };
        let answer = people.merges.merge_customers(request).await.unwrap().into_inner();
        let token = answer.change_token;
        for id in [&ann, &ben] {
            assert_eq!(people.of_customer(id, &token).await, both, "also by the merged id");
            assert_eq!(people.history(id, "").await, both);
            let request = GetConversationRequest {
                conversation_id: if *id == ann { one.clone() } else { two.clone() },
                at_least_as_fresh: fresh(&token),
            };
            let row = people.suite.as_admin().get_conversation(request).await.unwrap().into_inner().row;
            assert_eq!(row.unwrap().conversation.unwrap().customer_id, **survivor);
        }
        assert_eq!(people.found(vip.clone(), &token).await, both);

        let merge_id = answer.merge.unwrap().id;
        let request = UndoMergeRequest { request_id: people.suite.request_id(), merge_id };
        let token = people.merges.undo_merge(request).await.unwrap().into_inner().change_token;
        assert_eq!(people.of_customer(&ann, &token).await, first);
        assert_eq!(people.of_customer(&ben, &token).await, second);
        assert_eq!(people.found(vip.clone(), &token).await, first);
        assert_eq!(people.history(&ben, "").await, second);
    }
}
