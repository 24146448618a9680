//! Files of messages: what their adapter tells of them afterwards, in whatever order it comes.

use chrono::TimeDelta;
use tandem_proto::conversation::v1::ingest_item::Event;
use tandem_proto::conversation::v1::ingest_result::Outcome;
use tandem_proto::conversation::v1::message_content::Kind;
use tandem_proto::conversation::v1::{
    IngestDeletion, IngestEdit, IngestItem, IngestMedia, IngestMessage, MediaContent, MediaKind, MediaState,
    Message, MessageContent,
};
use tandem_tests::{Parts, Suite, item_at, stored, time, whatsapp};
use uuid::Uuid;

fn pending(caption: &str) -> MessageContent {
    let media = MediaContent {
        media_kind: MediaKind::Image.into(),
        media_id: "channel-1".to_owned(),
        mime_type: "image/jpeg".to_owned(),
        caption: caption.to_owned(),
        state: MediaState::Pending.into(),
        ..MediaContent::default()
    };
    MessageContent { kind: Some(Kind::Media(media)) }
}

fn available(target: &str, media_id: &str) -> IngestMedia {
    IngestMedia {
        target_external_id: target.to_owned(),
        state: MediaState::Available.into(),
        media_id: media_id.to_owned(),
        mime_type: "image/webp".to_owned(),
        size_bytes: 4_711,
        sha256: "ab".repeat(32),
        expire_time: None,
    }
}

fn gone(target: &str) -> IngestMedia {
    let state = MediaState::Gone.into();
    IngestMedia { target_external_id: target.to_owned(), state, ..IngestMedia::default() }
}

/// A line with one contact, whose messages are files.
struct Line {
    suite: Suite,
    channel: Uuid,
}

impl Line {
    async fn open() -> Self {
        let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
        let channel = suite.create_channel().await;
        Self { suite, channel }
    }

    /// An event that happened some seconds after now.
    fn item(&self, external_id: &str, seconds: i64, event: Event) -> IngestItem {
        let at = self.suite.ambient.now() + TimeDelta::seconds(seconds);
        IngestItem { event: Some(event), ..item_at(external_id, vec![whatsapp("US.1")], "", at) }
    }

    fn file(&self, external_id: &str) -> IngestItem {
        let message = IngestMessage { content: Some(pending("look")), ..IngestMessage::default() };
        self.item(external_id, 0, Event::Message(message))
    }

    /// Files need nobody's address.
    fn told(&self, external_id: &str, seconds: i64, media: IngestMedia) -> IngestItem {
        IngestItem { identities: Vec::new(), ..self.item(external_id, seconds, Event::Media(media)) }
    }

    /// Ingests one after the other; answers where the last one is stored.
    async fn ingest(&self, items: Vec<IngestItem>) -> (String, String) {
        let mut last = None;
        for (number, item) in items.into_iter().enumerate() {
            last = self.suite.ingest(number % 2, self.channel, vec![item]).await.results.pop();
        }
        let stored = stored(last.unwrap());
        (stored.conversation_id, stored.message_id)
    }

    async fn one(&self, conversation_id: &str) -> Message {
        let mut messages = self.suite.messages(conversation_id).await;
        assert_eq!(messages.len(), 1);
        messages.remove(0)
    }
}

fn media(message: &Message) -> &MediaContent {
    match message.content.as_ref().unwrap().kind.as_ref().unwrap() {
        Kind::Media(media) => media,
        other => panic!("no file: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetched_file_shows_and_changes_nothing_else() {
    let line = Line::open().await;
    let (id, message_id) = line.ingest(vec![line.file("m1")]).await;
    let before = line.suite.get(&id).await;
    let was = line.one(&id).await;
    line.suite.ambient.clock().advance(TimeDelta::minutes(1));
    let expire_time = Some(time(line.suite.ambient.now() + TimeDelta::days(30)));
    let told = IngestMedia { expire_time, ..available("m1", "store-1") };
    let item = line.told("f1", 0, told.clone());
    assert_eq!(line.ingest(vec![item.clone()]).await, (id.clone(), message_id.clone()));
    let shown = line.one(&id).await;
    let file = media(&shown);
    assert_eq!((file.state(), file.media_id.as_str()), (MediaState::Available, "store-1"));
    assert_eq!((file.mime_type.as_str(), file.size_bytes), ("image/webp", 4_711));
    assert_eq!((&file.sha256, file.expire_time), (&told.sha256, expire_time));
    assert_eq!((file.media_kind(), file.caption.as_str()), (MediaKind::Image, "look"), "what it says stays");
    assert_eq!((shown.edit_time, shown.version), (None, was.version + 1), "a change, and no edit");
    assert_eq!(line.suite.get(&id).await, before, "lists, their order and what is unread stay");
    // The same again, by the same id and by another of the same time, and what happened before it: nothing.
    let replayed = stored(line.suite.ingest(1, line.channel, vec![item]).await.results.remove(0));
    assert!(replayed.replayed && replayed.message_id == message_id);
    line.ingest(vec![line.told("f0", -30, available("m1", "store-0"))]).await;
    assert_eq!(line.one(&id).await, shown);
    // It must be fetched again, and is gone.
    let again = IngestMedia { state: MediaState::Pending.into(), ..available("m1", "channel-2") };
    line.ingest(vec![line.told("f2", 1, again), line.told("f3", 2, gone("m1"))]).await;
    let shown = line.one(&id).await;
    let file = media(&shown);
    assert_eq!((file.state(), file.media_id.as_str(), file.caption.as_str()), (MediaState::Gone, "", "look"));
    assert_eq!(shown.version, was.version + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_whatever_order_they_come_the_same_shows() {
    let line = Line::open().await;
    let orders: [[usize; 4]; 8] = [
        [0, 1, 2, 3],
        [0, 3, 2, 1],
        [1, 2, 3, 0],
        [3, 2, 1, 0],
        [2, 0, 3, 1],
        [3, 0, 1, 2],
        [1, 0, 2, 3],
        [2, 3, 0, 1],
    ];
    let mut shown = Vec::new();
    for (number, order) in orders.iter().enumerate() {
        let name = format!("m{number}");
        let who = vec![whatsapp(&format!("US.{number}"))];
        let edit = IngestEdit { target_external_id: name.clone(), content: Some(pending("look here")) };
        let of = |id: &str| format!("{id}.{number}");
        let items = [
            IngestItem { identities: who.clone(), ..line.file(&name) },
            line.told(&of("f1"), 1, available(&name, "store-1")),
            IngestItem { identities: who, ..line.item(&of("e"), 2, Event::Edit(edit)) },
            line.told(&of("f2"), 3, available(&name, "store-2")),
        ];
        // One call each, or all in one transaction.
        let items: Vec<IngestItem> = order.iter().map(|at| items[*at].clone()).collect();
        let results = match number % 2 {
            0 => line.suite.ingest(0, line.channel, items).await.results,
            _ => {
                let mut results = Vec::new();
                for (replica, item) in items.into_iter().enumerate() {
                    results.extend(line.suite.ingest(replica % 2, line.channel, vec![item]).await.results);
                }
                results
            }
        };
        let at = order.iter().position(|item| *item == 0).unwrap();
        let id = stored(results[at].clone()).conversation_id;
        shown.push(media(&line.one(&id).await).clone());
    }
    assert_eq!((shown[0].media_id.as_str(), shown[0].caption.as_str()), ("store-2", "look here"));
    for (order, media) in orders.iter().zip(&shown) {
        assert_eq!(media, &shown[0], "{order:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_happened_later_brings_its_own_file() {
    let line = Line::open().await;
    let edit = IngestEdit { target_external_id: "m1".to_owned(), content: Some(pending("another")) };
    let items = vec![
        line.file("m1"),
        line.item("e1", 5, Event::Edit(edit)),
        line.told("f1", 1, available("m1", "of the first")),
    ];
    let (id, _) = line.ingest(items).await;
    let shown = line.one(&id).await;
    assert_eq!((media(&shown).media_id.as_str(), media(&shown).state()), ("channel-1", MediaState::Pending));
    line.ingest(vec![line.told("f2", 6, available("m1", "of the second"))]).await;
    assert_eq!(media(&line.one(&id).await).media_id, "of the second");
    // Nothing brings a deleted one back.
    let deletion = IngestDeletion { target_external_id: "m1".to_owned() };
    line.ingest(vec![line.item("d1", 7, Event::Deletion(deletion))]).await;
    line.ingest(vec![line.told("f3", 8, available("m1", "late"))]).await;
    assert_eq!(line.one(&id).await.content, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_stays_as_it_is_and_a_wrong_item_names_its_fields() {
    let line = Line::open().await;
    let written = line.suite.write(line.channel, "m1", &[whatsapp("US.1")], "hello").await;
    let before = line.one(&written.conversation_id).await;
    let (_, message_id) = line.ingest(vec![line.told("f1", 1, available("m1", "store-1"))]).await;
    assert_eq!(message_id, written.message_id, "it tells its target");
    assert_eq!(line.one(&written.conversation_id).await, before);
    // A target that never comes makes nobody known.
    let (conversation_id, message_id) = line.ingest(vec![line.told("f2", 1, gone("m9"))]).await;
    assert_eq!((conversation_id.as_str(), message_id.as_str()), ("", ""));
    let wrong = IngestMedia {
        state: 9,
        media_id: String::new(),
        mime_type: "\0".to_owned(),
        size_bytes: -1,
        sha256: "\0".to_owned(),
        expire_time: Some(prost_types::Timestamp { seconds: -1, nanos: 0 }),
        target_external_id: String::new(),
    };
    let item = IngestItem { source_time: None, ..line.told("f3", 0, wrong) };
    let refused = match line.suite.ingest(0, line.channel, vec![item]).await.results.remove(0).outcome {
        Some(Outcome::Refused(refused)) => refused,
        other => panic!("not refused: {other:?}"),
    };
    let mut fields: Vec<&str> = refused.violations.iter().map(|violation| violation.field.as_str()).collect();
    fields.sort_unstable();
    let expected = [
        "media.expire_time",
        "media.media_id",
        "media.mime_type",
        "media.sha256",
        "media.size_bytes",
        "media.state",
        "media.target_external_id",
        "source_time",
    ];
    assert_eq!(fields, expected);
}
