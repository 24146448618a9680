//! What is found in which script, without dictionaries for Japanese and Korean. The search service relies on this.

use meilisearch_sdk::indexes::Index;
use meilisearch_sdk::settings::{LocalizedAttributes, Settings};
use serde_json::{Value, json};

use crate::harness::Server;

const TEXTS: [(&str, &str); 12] = [
    ("zh", "我想取消昨天的订单，请问什么时候退款？"),
    ("ja", "東京のお寿司を注文しました。キャンセルできますか？"),
    ("ko", "주문을 취소하고 싶어요. 환불해주세요."),
    ("th", "ฉันต้องการยกเลิกคำสั่งซื้อ"),
    ("he", "אני רוצה לבטל את ההזמנה"),
    ("ar", "مرحبا أريد إلغاء الطلب"),
    ("ru", "Здравствуйте, я хочу отменить заказ"),
    ("hi", "मैं अपना ऑर्डर रद्द करना चाहता हूँ"),
    ("el", "Θέλω ακύρωση παραγγελίας"),
    ("vi", "Tôi muốn hủy đơn hàng"),
    ("km", "ខ្ញុំចង់បោះបង់ការបញ្ជាទិញ"),
    ("tr", "Siparişimi iptal etmek istiyorum"),
];

async fn ids(index: &Index, query: &str, locales: Option<&[&str]>) -> Vec<String> {
    let mut search = index.search();
    search.with_query(query);
    if let Some(locales) = locales {
        search.with_locales(locales);
    }
    let found = search.execute::<Value>().await.unwrap();
    found.hits.iter().map(|hit| hit.result["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn words_are_found_where_words_are_known() {
    let (server, _data) = Server::scratch();
    let documents: Vec<_> = TEXTS.iter().map(|(id, text)| json!({ "id": id, "text": text })).collect();
    let index = server.index("scripts", &Settings::new(), &documents).await;
    for (id, query) in [
        ("zh", "退款"),
        ("zh", "取消昨天"),
        ("th", "ยกเลิก"),
        ("th", "คำสั่งซื้อ"),
        ("he", "לבטל"),
        ("ar", "طلب"), // without the article
        ("ar", "الطلب"),
        ("ru", "отменить"),
        ("ru", "отминить"), // one typo
        ("ru", "зак"),      // the beginning
        ("hi", "रद्द"),
        ("hi", "ऑर्डर"),
        ("el", "ακυρωση"), // without the accent
        ("vi", "huy don"), // without the marks
        ("km", "បោះបង់"),
        ("tr", "iptal"),
        ("ja", "東京"), // only as the beginning of a run of kana and kanji
        ("ko", "주문"), // only as the beginning of the query's last word
    ] {
        assert_eq!(ids(&index, query, None).await, [id], "{query}");
    }
    // A run of kana and kanji is one token, and Korean is cut at spaces alone: what does not begin a token is found by
    // bigrams only.
    for query in ["寿司", "注文", "できますか", "불해"] {
        assert!(ids(&index, query, None).await.is_empty(), "{query}");
    }
}

/// Pairs of neighbours of each run of letters, in order: `寿司を` is `寿司 司を`.
fn bigrams(text: &str) -> String {
    let runs = text.split(|letter: char| !letter.is_alphanumeric()).filter(|run| !run.is_empty());
    let pairs = runs.flat_map(|run| {
        let letters: Vec<char> = run.chars().collect();
        letters.windows(2.min(letters.len())).map(|pair| pair.iter().collect::<String>()).collect::<Vec<_>>()
    });
    pairs.collect::<Vec<_>>().join(" ")
}

/// A field of bigrams finds any part of a text. Its language is forced to one that has no segmenter for these scripts:
/// otherwise the language that is guessed decides how a pair is cut, and a query's guess differs from a document's.
#[tokio::test]
async fn bigrams_find_any_part_of_japanese_korean_and_chinese() {
    let (server, _data) = Server::scratch();
    let settings = Settings::new().with_searchable_attributes(["pairs"]).with_localized_attributes([
        LocalizedAttributes { attribute_patterns: vec!["pairs".to_owned()], locales: vec!["eng".to_owned()] },
    ]);
    let documents: Vec<_> =
        TEXTS[..3].iter().map(|(id, text)| json!({ "id": id, "pairs": bigrams(text) })).collect();
    let index = server.index("pairs", &settings, &documents).await;
    for (id, text) in [
        ("ja", "東京"),
        ("ja", "寿司"),
        ("ja", "注文しました"),
        ("ja", "キャンセル"),
        ("ko", "취소"),
        ("ko", "불해"),
        ("ko", "주문을"),
        ("zh", "昨天的订"),
        ("zh", "退款"),
    ] {
        let phrase = format!("\"{}\"", bigrams(text));
        assert_eq!(ids(&index, &phrase, Some(&["eng"])).await, [id], "{text}");
    }
}
