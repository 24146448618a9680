//! Needs attention by a tenant's phrases: raised where the customer's words come in, in any process, cleared on take-over.

use tandem_proto::conversation::v1::timeline_entry::Event;
use tandem_proto::conversation::v1::{
    AttentionRaised, ListAttentionPhrasesRequest, ListConversationsRequest, RaiseAttentionRequest,
    UpdateAttentionPhrasesRequest, UpdateAttentionPhrasesResponse,
};
use tandem_proto::r#type::v1::{ActorKind, AttentionReason, ConversationFilter};
use tandem_tests::{Parts, Suite, item_at, refused, stored, whatsapp, wrong};
use tonic::{Code, Status};
use uuid::Uuid;

async fn update(
    suite: &Suite,
    phrases: &[&str],
    etag: &str,
) -> Result<UpdateAttentionPhrasesResponse, Status> {
    let request = UpdateAttentionPhrasesRequest {
        request_id: suite.request_id(),
        phrases: phrases.iter().map(|phrase| (*phrase).to_owned()).collect(),
        etag: etag.to_owned(),
    };
    suite.as_admin().update_attention_phrases(request).await.map(tonic::Response::into_inner)
}

/// A customer's words through one of the processes.
async fn write(suite: &Suite, replica: usize, channel: Uuid, who: &str, words: &str) -> String {
    let item = item_at(suite.request_id(), vec![whatsapp(who)], words, suite.ambient.now());
    stored(suite.ingest(replica, channel, vec![item]).await.results.remove(0)).conversation_id
}

async fn raised(suite: &Suite, id: &str) -> Vec<(ActorKind, AttentionRaised)> {
    let entries = suite.timeline(id).await.into_iter();
    entries
        .filter_map(|entry| match entry.event {
            Some(Event::AttentionRaised(raised)) => Some((entry.actor.unwrap().kind(), raised)),
            _ => None,
        })
        .collect()
}

async fn marked(suite: &Suite) -> usize {
    let filter = ConversationFilter { needs_attention: Some(true), ..ConversationFilter::default() };
    let request = ListConversationsRequest { filter: Some(filter), ..ListConversationsRequest::default() };
    suite.as_admin().list_conversations(request).await.unwrap().into_inner().rows.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phrase_raises_attention_in_every_process() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let listed =
        suite.as_admin().list_attention_phrases(ListAttentionPhrasesRequest {}).await.unwrap().into_inner();
    assert_eq!((listed.phrases.len(), listed.etag.as_str()), (0, "0"));
    // Both processes have looked, and found nothing.
    for replica in 0..2 {
        write(&suite, replica, channel, "US.0", "I want to speak to a person").await;
    }
    assert_eq!(marked(&suite).await, 0);

    let phrases = ["speak to a person", "hablar con una persona", "לדבר עם נציג", "人工客服"];
    let updated = update(&suite, &phrases, "0").await.unwrap();
    assert_eq!((updated.phrases.as_slice(), updated.etag.as_str()), (&phrases.map(str::to_owned)[..], "1"));
    for (number, words, phrase) in [
        (1, "Can I SPEAK to a\nPERSON, please", Some("speak to a person")),
        (2, "¿Puedo hablar con úna persona?", Some("hablar con una persona")),
        (3, "אפשר לדבר עם נציג?", Some("לדבר עם נציג")),
        (4, "请转人工客服谢谢", Some("人工客服")),
        (5, "speak to a personal trainer", None),
        (6, "hello", None),
    ] {
        let id = write(&suite, number, channel, &format!("US.{number}"), words).await;
        let found = suite.get(&id).await;
        let raised = raised(&suite, &id).await;
        match phrase {
            Some(phrase) => {
                assert_eq!(found.needs_attention(), AttentionReason::AskedForPerson, "{words}");
                let reason = AttentionReason::AskedForPerson.into();
                let expected = AttentionRaised { reason, phrase: phrase.to_owned() };
                assert_eq!(raised, [(ActorKind::Customer, expected)]);
            }
            None => assert_eq!((found.needs_attention(), raised.len()), (AttentionReason::Unspecified, 0)),
        }
    }
    assert_eq!(marked(&suite).await, 4);
    // Said again, it is still the same mark.
    let id = write(&suite, 0, channel, "US.1", "SPEAK TO A PERSON!").await;
    assert_eq!(raised(&suite, &id).await.len(), 1);
    // Another list counts in every process with the next message.
    update(&suite, &["operator"], "1").await.unwrap();
    for replica in 0..2 {
        let id = write(&suite, replica, channel, &format!("US.1{replica}"), "speak to a person").await;
        assert_eq!(suite.get(&id).await.needs_attention(), AttentionReason::Unspecified);
        let id = write(&suite, replica, channel, &format!("US.2{replica}"), "OPERATOR").await;
        assert_eq!(suite.get(&id).await.needs_attention(), AttentionReason::AskedForPerson);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_over_clears_it_and_an_agent_needs_no_mark() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(2).await;
    let channel = suite.create_channel().await;
    update(&suite, &["person"], "0").await.unwrap();
    let id = write(&suite, 0, channel, "US.1", "hello").await;
    let raise = RaiseAttentionRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        reason: AttentionReason::Frustrated.into(),
    };
    suite.as_ai(0).raise_attention(raise).await.unwrap();
    // What the customer asks for stands above what the AI thinks.
    write(&suite, 1, channel, "US.1", "a person please").await;
    assert_eq!(suite.get(&id).await.needs_attention(), AttentionReason::AskedForPerson);
    assert_eq!(raised(&suite, &id).await.len(), 2);
    suite.take_over(0, &id).await.unwrap();
    assert_eq!(suite.get(&id).await.needs_attention(), AttentionReason::Unspecified);
    write(&suite, 1, channel, "US.1", "are you a person?").await;
    assert_eq!(suite.get(&id).await.needs_attention(), AttentionReason::Unspecified, "one looks already");
    assert_eq!(raised(&suite, &id).await.len(), 2);
    // A reply that takes over clears it as well.
    let other = write(&suite, 0, channel, "US.2", "person").await;
    assert_eq!(marked(&suite).await, 1);
    suite.say(1, &other, &["I am one"]).await;
    assert_eq!(marked(&suite).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_phrases_and_stale_lists_are_refused() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let long = "x".repeat(101);
    wrong(
        update(&suite, &["x", &long, "Människa", "manniska", "!?"], "x").await,
        &["phrases[0]", "phrases[1]", "phrases[3]", "phrases[4]", "etag"],
    );
    let many: Vec<String> = (0..201).map(|n| format!("phrase {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    wrong(update(&suite, &many, "0").await, &["phrases"]);
    assert_eq!(update(&suite, &many[..200], "0").await.unwrap().etag, "1");
    refused(update(&suite, &["late"], "0").await, Code::Aborted, "ETAG_MISMATCH");
    refused(update(&suite, &["early"], "2").await, Code::Aborted, "ETAG_MISMATCH");
    let request = UpdateAttentionPhrasesRequest {
        request_id: suite.request_id(),
        phrases: vec![" operator ".to_owned()],
        etag: "1".to_owned(),
    };
    let mut admin = suite.as_admin();
    let first = admin.update_attention_phrases(request.clone()).await.unwrap().into_inner();
    assert_eq!((first.phrases.as_slice(), first.etag.as_str()), (&["operator".to_owned()][..], "2"));
    assert_eq!(admin.update_attention_phrases(request).await.unwrap().into_inner(), first, "the same again");
    assert_eq!(update(&suite, &[], "2").await.unwrap().phrases.len(), 0);
}
