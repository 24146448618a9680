//! What was written is found at once, with the change token of the write.

use futures::future::join_all;
use tandem_access::Role;
use tandem_proto::search::v1::{SearchMessagesRequest, SearchMessagesResponse};
use tandem_tests::{Parts, Suite, item_at, stored, whatsapp};

use crate::{searchable, searcher};

/// Those who write and read at the same time.
const WRITERS: usize = 4;
const ROUNDS: usize = 15;

async fn find(suite: &Suite, word: &str, token: String) -> SearchMessagesResponse {
    let request = SearchMessagesRequest {
        query: word.to_owned(),
        at_least_as_fresh: vec![token],
        ..SearchMessagesRequest::default()
    };
    searcher(suite, 0, ("lead", Role::Supervisor)).search_messages(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_with_the_token_of_a_write_finds_it() {
    if !searchable("who_reads_with_the_token_of_a_write_finds_it") {
        return;
    }
    let suite = Suite::start(Parts::ALL).await;
    let channel = suite.create_channel().await;
    let write_and_read = async |writer: usize| {
        for round in 0..ROUNDS {
            // Of letters alone, and like no other.
            let word: String = suite.ambient.id().simple().to_string().chars().map(letter).collect();
            let who = vec![whatsapp(&format!("US.{writer}"))];
            let item = item_at(format!("{writer}-{round}"), who, format!("says {word}"), suite.ambient.now());
            let mut answer = suite.ingest(round, channel, vec![item]).await;
            let written = stored(answer.results.remove(0));
            let found = find(&suite, &word, answer.change_token).await;
            let hits: Vec<&str> = found
                .conversations
                .iter()
                .flat_map(|group| group.hits.iter().map(|hit| hit.message_id.as_str()))
                .collect();
            assert_eq!(hits, [written.message_id.as_str()], "{writer} in round {round}");
            assert!(found.index_lag.is_some() && !found.partial);
        }
    };
    join_all((0..WRITERS).map(write_and_read)).await;
    suite.stop().await;
}

pub fn letter(hex: char) -> char {
    char::from(b'a' + u8::try_from(hex.to_digit(16).unwrap()).unwrap())
}
