use meilisearch_sdk::errors::{Error, ErrorCode};
use meilisearch_sdk::indexes::Index;
use meilisearch_sdk::search::{MatchingStrategies, SearchQuery, SearchResults, Selectors};
use meilisearch_sdk::settings::{PaginationSetting, Settings};
use serde_json::{Value, json};

use crate::harness::Server;

fn settings() -> Settings {
    Settings::new()
        .with_searchable_attributes(["text", "tags"])
        .with_filterable_attributes(["tenant", "channel", "at"])
        .with_sortable_attributes(["at"])
        .with_pagination(PaginationSetting { max_total_hits: 50 })
        .with_synonyms([("parcel".to_owned(), vec!["package".to_owned()])].into())
}

fn documents() -> Vec<Value> {
    vec![
        json!({ "id": "1", "tenant": "a", "channel": "web", "at": 10, "text": "Where is my package? It left Málaga on Monday.", "tags": ["delivery"] }),
        json!({ "id": "2", "tenant": "a", "channel": "whatsapp", "at": 20, "text": "I want a refund for the broken headphones", "tags": ["refund", "broken headphones"] }),
        json!({ "id": "3", "tenant": "a", "channel": "web", "at": 30, "text": "The headphones arrived, thanks!", "tags": [] }),
        json!({ "id": "4", "tenant": "b", "channel": "web", "at": 40, "text": "Refund please", "tags": ["refund"] }),
    ]
}

async fn index(server: &Server) -> Index {
    server.index("messages", &settings(), &documents()).await
}

fn ids(results: &SearchResults<Value>) -> Vec<&str> {
    results.hits.iter().map(|hit| hit.result["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn finds_filters_and_sorts() {
    let (server, _data) = Server::scratch();
    let index = index(&server).await;

    let found: SearchResults<Value> = index.search().with_query("refund").execute().await.unwrap();
    assert_eq!(found.estimated_total_hits, Some(2));

    let filter = r#"tenant = "a" AND channel IN ["web", "whatsapp"] AND at >= 20"#;
    let found: SearchResults<Value> = index
        .search()
        .with_query("headphones")
        .with_filter(filter)
        .with_sort(&["at:desc"])
        .execute()
        .await
        .unwrap();
    assert_eq!(ids(&found), ["3", "2"]);

    let nested = vec![r#"tenant = "a""#, "at < 20"];
    let found: SearchResults<Value> = index.search().with_array_filter(nested).execute().await.unwrap();
    assert_eq!(ids(&found), ["1"]);

    let wrong = index.search().with_filter("text = 1").execute::<Value>().await.unwrap_err();
    assert!(matches!(wrong, Error::Meilisearch(error) if error.error_code == ErrorCode::InvalidSearchFilter));
    let missing = server.client.index("nowhere").search().execute::<Value>().await.unwrap_err();
    assert!(matches!(missing, Error::Meilisearch(error) if error.error_code == ErrorCode::IndexNotFound));
}

#[tokio::test]
async fn forgives_typos_completes_words_and_knows_synonyms() {
    let (server, _data) = Server::scratch();
    let index = index(&server).await;
    for (query, expected) in [
        ("hedphones", vec!["3", "2"]),        // one typo
        ("headph", vec!["3", "2"]),           // the beginning of the last word
        ("malaga", vec!["1"]),                // without the accent
        ("parcel", vec!["1"]),                // a synonym
        ("\"broken headphones\"", vec!["2"]), // a phrase
        ("headphones -broken", vec!["3"]),    // a word that must not be there
    ] {
        let found: SearchResults<Value> =
            index.search().with_query(query).with_sort(&["at:desc"]).execute().await.unwrap();
        let mut found = ids(&found);
        found.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(found, expected, "{query}");
    }
    let all = |strategy| {
        let mut search = SearchQuery::new(&index);
        search.with_query("refund arrived").with_matching_strategy(strategy).build()
    };
    assert!(all(MatchingStrategies::ALL).execute::<Value>().await.unwrap().hits.is_empty());
    assert_eq!(all(MatchingStrategies::LAST).execute::<Value>().await.unwrap().hits.len(), 2);
}

#[tokio::test]
async fn highlights_crops_and_tells_positions_in_bytes() {
    let (server, _data) = Server::scratch();
    let index = index(&server).await;
    let found: SearchResults<Value> = index
        .search()
        .with_query("monday")
        .with_attributes_to_retrieve(Selectors::Some(&["id"]))
        .with_attributes_to_highlight(Selectors::Some(&["text"]))
        .with_attributes_to_crop(Selectors::Some(&[("text", Some(3))]))
        .with_highlight_pre_tag("[")
        .with_highlight_post_tag("]")
        .with_show_matches_position(true)
        .with_show_ranking_score(true)
        .execute()
        .await
        .unwrap();
    let hit = &found.hits[0];
    assert_eq!(hit.result, json!({ "id": "1" }));
    let formatted = hit.formatted_result.as_ref().unwrap();
    assert_eq!(formatted["text"], "…Málaga on [Monday].");
    assert_eq!(formatted["id"], "1");
    assert!(hit.ranking_score.unwrap() > 0.5);
    let text = documents()[0]["text"].as_str().unwrap().to_owned();
    let at = &hit.matches_position.as_ref().unwrap()["text"][0];
    assert_eq!(&text[at.start..at.start + at.length], "Monday");

    let found: SearchResults<Value> = index
        .search()
        .with_query("broken")
        .with_show_matches_position(true)
        .with_attributes_to_search_on(&["tags"])
        .execute()
        .await
        .unwrap();
    let positions = &found.hits[0].matches_position.as_ref().unwrap()["tags"];
    assert_eq!(positions[0].indices, Some(vec![1]));
}

#[tokio::test]
async fn counts_facets_and_pages() {
    let (server, _data) = Server::scratch();
    let index = index(&server).await;
    let found: SearchResults<Value> = index
        .search()
        .with_facets(Selectors::Some(&["channel", "at"]))
        .with_page(2)
        .with_hits_per_page(3)
        .execute()
        .await
        .unwrap();
    assert_eq!((found.total_hits, found.total_pages, found.hits.len()), (Some(4), Some(2), 1));
    assert_eq!(found.facet_distribution.unwrap()["channel"]["web"], 3);
    assert_eq!(found.facet_stats.unwrap()["at"].max, 40.0);

    // Beyond the setting's limit there is nothing, and no error.
    let found: SearchResults<Value> = index.search().with_offset(60).execute().await.unwrap();
    assert!(found.hits.is_empty());

    let (one, two) = (
        index.search().with_query("thanks").with_index_uid().build(),
        index.search().with_query("please").with_index_uid().build(),
    );
    let many =
        server.client.multi_search().with_search_query(one).with_search_query(two).execute::<Value>().await;
    let many = many.unwrap();
    assert_eq!((ids(&many.results[0]), ids(&many.results[1])), (vec!["3"], vec!["4"]));
    assert_eq!(many.results[1].index_uid.as_deref(), Some("messages"));
}
