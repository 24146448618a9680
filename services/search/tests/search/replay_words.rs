//! Over real conversations: every word that a customer wrote finds that customer's conversation, also with a typo.
//!
//! `TANDEM_TEST_REPLAY` names files in the replay format, with `:` between them.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::Value;
use tandem_proto::search::v1::SearchMessagesRequest;
use tandem_proto::r#type::v1::ConversationFilter;
use uuid::Uuid;

use crate::harness::data::{id, message, message_change};
use crate::harness::engine::TestEngine;
use crate::harness::{World, available};

const TENANT: Uuid = Uuid::from_u128(1);
/// Conversations of each language.
const MOST: usize = 40;

/// What a person might type of a text: words of three letters or more, and runs of two to four characters where words do
/// not stand between spaces.
fn typed(text: &str, turn: usize) -> Vec<String> {
    let spaceless = |char: char| matches!(u32::from(char), 0x0e00..=0x0e7f | 0x3040..=0x30ff | 0x4e00..=0x9fff | 0xac00..=0xd7ff);
    let words = text.split(|char: char| !char.is_alphanumeric() && !is_mark(char));
    let mut typed = Vec::new();
    for word in words {
        let chars: Vec<char> = word.chars().collect();
        if !chars.is_empty() && chars.iter().all(|char| spaceless(*char)) {
            let length = 2 + turn % 3;
            if chars.len() >= length {
                let from = turn % (chars.len() - length + 1);
                typed.push(chars[from..from + length].iter().collect());
            }
        } else if chars.len() >= 3
            && chars.iter().all(|char| char.is_alphabetic() || is_mark(*char))
            && !chars.iter().any(|char| spaceless(*char))
        {
            typed.push(word.to_owned());
        }
    }
    typed
}

fn is_mark(char: char) -> bool {
    matches!(u32::from(char), 0x0300..=0x036f | 0x0900..=0x0903 | 0x093a..=0x094f | 0x0980..=0x0983 | 0x09bc..=0x09d7 | 0x0b01..=0x0b57 | 0x0b80..=0x0bd7 | 0x0c00..=0x0c56 | 0x0591..=0x05c7 | 0x064b..=0x065f | 0x200c..=0x200d)
}

/// One letter of a Latin word of six or more changed, not the first.
fn with_typo(word: &str, turn: usize) -> Option<String> {
    let mut chars: Vec<char> = word.chars().collect();
    if chars.len() < 6 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let at = 1 + turn % (chars.len() - 1);
    chars[at] = if chars[at] == 'x' { 'q' } else { 'x' };
    Some(chars.into_iter().collect())
}

#[tokio::test]
#[ignore = "needs TANDEM_TEST_REPLAY"]
async fn customers_own_words_find_their_conversations() {
    let Ok(files) = std::env::var("TANDEM_TEST_REPLAY") else {
        eprintln!("SKIPPED customers_own_words_find_their_conversations: set TANDEM_TEST_REPLAY");
        return;
    };
    if !available("customers_own_words_find_their_conversations") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    let mut by_language: BTreeMap<String, Vec<(Uuid, String)>> = BTreeMap::new();
    let (mut conversations, mut number) = (0u128, 0u128);
    for file in files.split(':') {
        let mut text = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap()).read_to_string(&mut text).unwrap();
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let language = line["lang"].as_str().unwrap().to_owned();
            let count = taken.entry(language.clone()).or_default();
            *count += 1;
            if *count > MOST {
                continue;
            }
            conversations += 1;
            let contact = id(0xa000_0000 + conversations);
            for said in line["messages"].as_array().unwrap() {
                number += 1;
                let text = said["text"].as_str().unwrap();
                let mut message = message(number, id(0xb000_0000 + conversations), id(7), text);
                message.contact_id = contact.to_string();
                world.messages.push([message_change(TENANT, message)]);
                if said["from"] == "customer" {
                    by_language.entry(language.clone()).or_default().push((contact, text.to_owned()));
                }
            }
        }
    }
    let mut service = world
        .start_with(&engine.url, &engine.key, |config| {
            config.search.lease_s = 120;
            config.common.server.default_deadline_ms = 600_000;
        })
        .await;
    let mut request = world.supervisor(
        TENANT,
        SearchMessagesRequest {
            query: "wait".to_owned(),
            at_least_as_fresh: world.fresh(),
            ..SearchMessagesRequest::default()
        },
    );
    request.set_timeout(std::time::Duration::from_secs(600));
    service.client.search_messages(request).await.unwrap();
    let mut missed = Vec::new();
    for (language, texts) in by_language {
        let (mut asked, mut unmarked, before) = (0, 0, missed.len());
        for (turn, (contact, text)) in texts.iter().enumerate().take(120) {
            let Some(word) = typed(text, turn).into_iter().nth(turn % 3) else { continue };
            for query in [Some(word.clone()), with_typo(&word, turn)].into_iter().flatten() {
                asked += 1;
                let filter =
                    ConversationFilter { contact_ids: vec![contact.to_string()], ..Default::default() };
                let request = SearchMessagesRequest {
                    query: query.clone(),
                    filter: Some(filter),
                    ..Default::default()
                };
                let found = service
                    .client
                    .search_messages(world.supervisor(TENANT, request))
                    .await
                    .unwrap()
                    .into_inner();
                match found.conversations.first() {
                    None => missed.push(format!("{language} {query} in {text}")),
                    Some(group) if group.hits[0].matches.is_empty() => unmarked += 1,
                    Some(_) => {}
                }
            }
        }
        eprintln!("{language}: {asked} asked, {} missed, {unmarked} unmarked", missed.len() - before);
    }
    assert!(missed.is_empty(), "{missed:#?}");
    service.stop().await;
}
