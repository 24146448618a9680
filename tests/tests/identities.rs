//! Addresses that are replaced by others: the same contact, its history kept.

use chrono::{DateTime, TimeDelta, Utc};
use tandem_proto::conversation::v1::ingest_item::Event;
use tandem_proto::conversation::v1::message_content::Kind;
use tandem_proto::conversation::v1::{Contact, GetConversationRequest, IngestIdentityChange, IngestStored};
use tandem_proto::r#type::v1::{ActorKind, Identity};
use tandem_tests::{Parts, Suite, item_at, phone, stored, whatsapp};
use uuid::Uuid;

const A: &str = "+15550100";
const B: &str = "+15550200";
const C: &str = "+15550300";

/// A line, and items on it.
struct Line {
    suite: Suite,
    channel: Uuid,
    start: DateTime<Utc>,
}

impl Line {
    async fn new() -> Self {
        let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
        let channel = suite.create_channel().await;
        let start = suite.ambient.now() - TimeDelta::hours(1);
        Self { suite, channel, start }
    }

    /// A message stamped so many seconds after the start.
    async fn write(&self, external_id: &str, who: &[Identity], seconds: i64) -> IngestStored {
        let item = item_at(external_id, who.to_vec(), external_id, self.start + TimeDelta::seconds(seconds));
        // The clock stands still by itself: of two contacts, the first is the older.
        self.suite.ambient.clock().advance(TimeDelta::milliseconds(1));
        stored(self.suite.ingest(0, self.channel, vec![item]).await.results.remove(0))
    }

    async fn change(&self, external_id: &str, from: &[Identity], to: Identity, seconds: i64) -> IngestStored {
        let at = self.start + TimeDelta::seconds(seconds);
        let mut item = item_at(external_id, from.to_vec(), "", at);
        let text = format!("changed to {}", to.value);
        item.event = Some(Event::IdentityChange(IngestIdentityChange { new_identity: Some(to), text }));
        stored(self.suite.ingest(1, self.channel, vec![item]).await.results.remove(0))
    }

    async fn contact(&self, conversation_id: &str) -> Contact {
        let request = GetConversationRequest {
            conversation_id: conversation_id.to_owned(),
            at_least_as_fresh: Vec::new(),
        };
        self.suite.as_admin().get_conversation(request).await.unwrap().into_inner().contact.unwrap()
    }

    async fn addresses(&self, conversation_id: &str) -> Vec<String> {
        let identities = self.contact(conversation_id).await.identities.into_iter();
        identities.filter(|identity| identity.verified).map(|identity| identity.value).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_number_keeps_contact_and_thread() {
    let line = Line::new().await;
    let first = line.write("m1", &[phone(A)], 0).await;
    let id = first.conversation_id.clone();
    let before = line.suite.get(&id).await;
    let changed = line.change("c1", &[phone(A)], phone(B), 10).await;
    assert_eq!((changed.conversation_id.as_str(), changed.position), (id.as_str(), 2));
    let messages = line.suite.messages(&id).await;
    let Some(Kind::System(remark)) = messages[1].content.clone().unwrap().kind else { panic!("no remark") };
    assert_eq!((remark.code.as_str(), remark.text.as_str()), ("number_changed", "changed to +15550200"));
    assert_eq!(messages[1].author.as_ref().unwrap().kind(), ActorKind::System);
    // The remark is shown in its place, and nothing else.
    let after = line.suite.get(&id).await;
    assert_eq!((&after.preview, after.waiting_since), (&before.preview, before.waiting_since));
    assert_eq!(after.last_activity_time, before.last_activity_time);
    assert_eq!((after.last_customer_position, after.status), (1, before.status));
    assert_eq!(line.addresses(&id).await, [B]);
    // By the new number it is the same thread; the same change again changes nothing, whatever its id.
    assert_eq!(line.write("m2", &[phone(B)], 20).await.conversation_id, id);
    let replayed = line.change("c1", &[phone(A)], phone(B), 10).await;
    assert!(replayed.replayed && replayed.message_id == changed.message_id);
    let again = line.change("c1-again", &[phone(A)], phone(B), 10).await;
    assert_eq!((again.message_id.as_str(), again.position), ("", 0));
    assert_eq!(line.suite.get(&id).await.last_position, 3);
    // The former number is anybody's from then on, but a message that comes late is still this person's.
    let late = line.write("late", &[phone(A)], 5).await;
    assert_eq!(late.conversation_id, id);
    let other = line.write("recycled", &[phone(A)], 30).await;
    assert_ne!(other.conversation_id, id);
    assert_eq!(line.write("later", &[phone(A)], 6).await.conversation_id, id);
    assert_eq!(line.addresses(&id).await, [B]);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_in_any_order_end_at_the_last_address() {
    let line = Line::new().await;
    // The second change first, and both before anybody was known.
    for (name, from, to, at) in [("c2", B, C, 20), ("c1", A, B, 10)] {
        let changed = line.change(name, &[phone(from)], phone(to), at).await;
        assert_eq!((changed.message_id.as_str(), changed.conversation_id.as_str()), ("", ""));
    }
    let id = line.write("m1", &[phone(A), whatsapp("US.1")], 0).await.conversation_id;
    assert_eq!(line.write("m2", &[phone(B), whatsapp("US.1")], 15).await.conversation_id, id);
    assert_eq!(line.write("m3", &[phone(C)], 25).await.conversation_id, id);
    assert_eq!(line.addresses(&id).await, ["US.1", C]);
    // A user id that is given anew, with a batch that holds messages from before it and after it.
    let stamped = |name: &str, who: &str, at| {
        item_at(name, vec![whatsapp(who)], name, line.start + TimeDelta::seconds(at))
    };
    let mut change = stamped("c3", "US.1", 30);
    let new_identity = Some(whatsapp("US.2"));
    change.event =
        Some(Event::IdentityChange(IngestIdentityChange { new_identity, ..IngestIdentityChange::default() }));
    let batch = vec![stamped("m5", "US.2", 35), stamped("m4", "US.1", 29), change];
    let results = line.suite.ingest(0, line.channel, batch).await.results;
    assert!(results.into_iter().map(stored).all(|stored| stored.conversation_id == id));
    assert_eq!(line.addresses(&id).await, ["US.2", C]);
    assert_eq!(line.suite.get(&id).await.last_position, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_address_that_another_contact_had() {
    let line = Line::new().await;
    // Nothing speaks against it: one person. The younger becomes an alias of the older, its thread ends in the other.
    let older = line.write("m1", &[phone(A), whatsapp("US.1")], 0).await.conversation_id;
    let younger = line.write("m2", &[phone(B)], 5).await.conversation_id;
    assert_ne!(older, younger);
    let changed = line.change("c1", &[phone(A)], phone(B), 10).await;
    assert_eq!(changed.conversation_id, older);
    assert_eq!(line.addresses(&older).await, ["US.1", B]);
    assert_eq!(line.suite.get(&younger).await.successor_id, older);
    let alias = line.contact(&younger).await;
    assert_eq!(alias.canonical_id, line.contact(&older).await.id);
    assert_eq!(line.write("m3", &[phone(B)], 15).await.conversation_id, older);
    // The other way round in age: the one who wrote by the new number is older, and stays.
    let younger = line.write("n0", &[phone("+15550400")], 0).await.conversation_id;
    let changer = line.write("n1", &[phone("+15550500")], 1).await.conversation_id;
    line.change("c2", &[phone("+15550500")], phone("+15550400"), 10).await;
    assert_eq!(line.addresses(&younger).await, ["+15550400"]);
    assert_eq!(line.suite.get(&changer).await.successor_id, younger);
    // They differ in a stronger kind: the number was recycled, and moves.
    let mine = line.write("o1", &[phone("+15550600"), whatsapp("US.6")], 0).await.conversation_id;
    let theirs = line.write("o2", &[phone("+15550700"), whatsapp("US.7")], 0).await.conversation_id;
    line.change("c3", &[phone("+15550600")], phone("+15550700"), 10).await;
    assert_eq!(line.addresses(&mine).await, ["US.6", "+15550700"]);
    assert_eq!(line.addresses(&theirs).await, ["US.7"]);
    assert_eq!(line.suite.get(&theirs).await.successor_id, "");
}
