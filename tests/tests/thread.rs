//! A thread as screens read it: around a position, with what messages quote, whom notes call, and who did what.

use tandem_proto::conversation::v1::ingest_item::Event;
use tandem_proto::conversation::v1::timeline_entry::Event as Happened;
use tandem_proto::conversation::v1::{
    IngestMessage, ListMessagesRequest, ListMessagesResponse, Referral, SendMessageRequest,
};
use tandem_proto::r#type::v1::{ActorKind, HolderChangeCause, Identity};
use tandem_tests::{Parts, Suite, item_at, stored, text, whatsapp, wrong};
use uuid::Uuid;

fn who() -> Vec<Identity> {
    vec![whatsapp("US.1")]
}

async fn around(suite: &Suite, id: &str, position: i64, page_size: i32) -> ListMessagesResponse {
    let request = ListMessagesRequest {
        conversation_id: id.to_owned(),
        around_position: position,
        page_size,
        ..ListMessagesRequest::default()
    };
    suite.as_admin().list_messages(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_around_a_position() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    let item = |n| item_at(format!("m{n}"), who(), format!("words {n}"), suite.ambient.now());
    let results = suite.ingest(0, channel, (1..=50).map(item).collect()).await.results;
    let id = stored(results.into_iter().next().unwrap()).conversation_id;
    for (position, size, from, to, before, after) in [
        (25, 11, 20, 30, true, true),
        (25, 10, 20, 29, true, true),
        (1, 10, 1, 10, false, true),
        (50, 10, 41, 50, true, false),
        (1_000, 10, 41, 50, true, false),
        (3, 500, 1, 50, false, false),
        (7, 1, 7, 7, true, true),
    ] {
        let page = around(&suite, &id, position, size).await;
        let positions: Vec<i64> = page.messages.iter().map(|message| message.position).collect();
        assert_eq!(positions, (from..=to).collect::<Vec<i64>>(), "around {position}");
        assert_eq!((page.more_before, page.more), (before, after), "around {position}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_resolves_when_what_it_quotes_comes() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let quoting = |name: &str, quoted: &str| {
        let mut item = item_at(name, who(), name, suite.ambient.now());
        let referral = Referral {
            source_type: "ad".to_owned(),
            source_id: "1234".to_owned(),
            source_url: "https://example.com/ad".to_owned(),
            headline: "Jackets".to_owned(),
            body: "Half price".to_owned(),
            click_id: "click".to_owned(),
        };
        item.event = Some(Event::Message(IngestMessage {
            content: Some(text(name)),
            reply_to_external_id: quoted.to_owned(),
            forwarded: true,
            referral: Some(referral),
        }));
        item
    };
    // Known before; of the same batch, before and after it; later; never.
    let id = suite.write(channel, "m1", &who(), "first").await.conversation_id;
    let batch = vec![
        quoting("m2", "m1"),
        quoting("m3", "m4"),
        quoting("m4", "m2"),
        quoting("m5", "m6"),
        quoting("m7", "m8"),
    ];
    suite.ingest(1, channel, batch).await;
    suite.write(channel, "m6", &who(), "late").await;
    let messages = suite.messages(&id).await;
    let quotes: Vec<(i64, &str)> = messages
        .iter()
        .map(|message| (message.reply_to_position, message.reply_to_external_id.as_str()))
        .collect();
    assert_eq!(quotes, [(0, ""), (1, ""), (4, ""), (2, ""), (7, ""), (0, "m8"), (0, "")]);
    assert!(messages[1].forwarded && !messages[0].forwarded);
    let referral = messages[1].referral.clone().unwrap();
    assert_eq!((referral.headline.as_str(), referral.click_id.as_str()), ("Jackets", "click"));
    assert_eq!(messages[0].referral, None);
    // What another thread holds is not quoted by a position in this one.
    let mut other = quoting("n1", "m1");
    other.identities = vec![whatsapp("US.2")];
    let other = stored(suite.ingest(0, channel, vec![other]).await.results.remove(0));
    let message = suite.messages(&other.conversation_id).await.remove(0);
    assert_eq!((message.reply_to_position, message.reply_to_external_id.as_str()), (0, "m1"));
    // The other way: an agent quotes, and the adapter is told by which id the provider knows it.
    let say = |position, words| SendMessageRequest {
        reply_to_position: position,
        take_over: true,
        ..suite.answer(&id, 0, 0, &[words])
    };
    suite.as_agent(0, 0).send_message(say(2, "this one")).await.unwrap();
    let adapter = suite.adapter(0, channel);
    let item = adapter.one().await;
    assert_eq!(item.reply_to_external_id, "m2");
    adapter.begin(&item).await.unwrap();
    adapter.sent(&item, "p1").await.unwrap();
    suite.as_agent(0, 0).send_message(say(8, "I mean my own")).await.unwrap();
    assert_eq!(adapter.one().await.reply_to_external_id, "p1");
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_call_active_agents_and_names_are_shown() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, team) = suite.agents(3).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "m1", &who(), "hello").await.conversation_id;
    let note = |mentioned: &[Uuid]| SendMessageRequest {
        private: true,
        mention_agent_ids: mentioned.iter().map(Uuid::to_string).collect(),
        ..suite.answer(&id, 0, 0, &["can you look?", "it is urgent"])
    };
    let request = note(&[agents[2], agents[1], agents[2]]);
    let noted = suite.as_agent(0, 0).send_message(request.clone()).await.unwrap().into_inner();
    let called = vec![agents[2].to_string(), agents[1].to_string()];
    assert_eq!(
        (&noted.messages[0].mention_agent_ids, noted.messages[1].mention_agent_ids.len()),
        (&called, 0)
    );
    let repeated = suite.as_agent(1, 0).send_message(request).await.unwrap().into_inner();
    assert_eq!(repeated.messages, noted.messages, "the same request, the same answer");
    let messages = suite.messages(&id).await;
    assert_eq!(messages[1].mention_agent_ids, called);
    let author = messages[1].author.clone().unwrap();
    assert_eq!((author.kind(), author.name.as_str()), (ActorKind::Agent, "Agent 0"));
    // Nobody who is not there, and nothing half-written.
    let stranger = suite.ambient.id();
    let strange = suite.as_agent(0, 0).send_message(note(&[agents[1], stranger, team])).await;
    wrong(strange, &["mention_agent_ids[1]", "mention_agent_ids[2]"]);
    let many: Vec<Uuid> = (0..21).map(|_| agents[1]).collect();
    wrong(suite.as_agent(0, 0).send_message(note(&many)).await, &["mention_agent_ids"]);
    let open = SendMessageRequest { private: false, ..note(&[agents[1]]) };
    wrong(suite.as_agent(0, 0).send_message(open).await, &["mention_agent_ids"]);
    assert_eq!(suite.get(&id).await.last_position, 3);
    // The timeline tells who, when and what, with names.
    suite.take_over(1, &id).await.unwrap();
    let timeline = suite.timeline(&id).await;
    let Some(Happened::HolderChanged(change)) = timeline[1].event.clone() else { panic!("{timeline:?}") };
    assert_eq!(change.cause(), HolderChangeCause::TakeOver);
    assert_eq!(change.to.unwrap().name, "Agent 1");
    assert_eq!(timeline[1].actor.as_ref().unwrap().name, "Agent 1");
    assert!(timeline[1].time.is_some() && timeline[1].at_position == 3);
}
