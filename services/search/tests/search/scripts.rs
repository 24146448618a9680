//! Words of many scripts are found as people type them, and shown where they stand.

use tandem_proto::search::v1::SearchMessagesResponse;
use uuid::Uuid;

use crate::harness::data::{id, message, message_change};
use crate::harness::engine::TestEngine;
use crate::harness::{World, available, conversations};

const TENANT: Uuid = Uuid::from_u128(1);

/// A conversation each, and what a person might type to find it.
const TEXTS: &[(&str, &[&str])] = &[
    (
        "Where is my order #A-1042? I paid 45,90 € for the headphones 😡",
        &["order", "headphones", "A-1042", "1042", "headph", "hedphones", "orter headphones"],
    ),
    (
        "¿Dónde está mi devolución? Gracias, Begoña",
        &["devolución", "devolucion", "begona", "donde esta", "devoluzion"],
    ),
    (
        "Ich möchte meine Bestellung stornieren, die Größe passt nicht",
        &["Bestellung", "stornieren", "große", "Bestelung"],
    ),
    (
        "Здравствуйте, я хочу отменить заказ и вернуть деньги",
        &["отменить", "заказ", "верн", "ОТМЕНИТЬ заказ", "отминить"],
    ),
    (
        "مرحبا 👋 أريد إلغاء الطلب رقم ٤٥ لأن البطاقة لا تعمل",
        &["إلغاء", "الطلب", "البطاقة", "بطاقة", "أريد إلغاء"],
    ),
    ("שלום, אני רוצה לבטל את ההזמנה שלי 🙏 תודה", &["לבטל", "ההזמנה", "רוצה לבטל", "תודה"]),
    ("नमस्ते, मुझे अपना ऑर्डर रद्द करना है और पैसे वापस चाहिए", &["ऑर्डर", "रद्द", "पैसे वापस"]),
    ("我想取消昨天的订单，请问什么时候退款？", &["取消", "退款", "昨天的订", "订单", "取消订单"]),
    (
        "東京のお寿司を注文しました。キャンセルできますか？",
        &["東京", "寿司", "注文", "キャンセル", "ｷｬﾝｾﾙ", "注文しました"],
    ),
    ("주문을 취소하고 싶어요. 환불해주세요.", &["주문", "취소", "환불", "불해주", "주문 취소", "취소하고"]),
    ("ฉันต้องการยกเลิกคำสั่งซื้อเมื่อวาน", &["ยกเลิก", "คำสั่งซื้อ", "ต้องการ", "เมื่อวาน"]),
    ("Tôi muốn hủy đơn hàng 12345 ngay", &["hủy", "huy don", "đơn hàng"]),
    ("Θέλω ακύρωση της παραγγελίας μου", &["ακύρωση", "ακυρωση", "παραγγελίας"]),
];

async fn world_with_texts(world: &World) {
    let changes = TEXTS.iter().enumerate().map(|(at, (text, _))| {
        let number = at as u128 + 1;
        message_change(TENANT, message(number, id(1000 + number), id(7), text))
    });
    world.messages.push(changes);
}

/// What is marked in the best hit.
fn marked(found: &SearchMessagesResponse) -> Vec<String> {
    let hit = &found.conversations[0].hits[0];
    let chars: Vec<char> = hit.text.chars().collect();
    let range =
        |start: i32, length: i32| usize::try_from(start).unwrap()..usize::try_from(start + length).unwrap();
    hit.matches.iter().map(|at| chars[range(at.start, at.length)].iter().collect()).collect()
}

#[tokio::test]
async fn words_are_found_in_every_script() {
    if !available("words_are_found_in_every_script") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    world_with_texts(&world).await;
    let mut service = world.start(&engine.url, &engine.key).await;
    let mut missed = Vec::new();
    for (at, (_, queries)) in TEXTS.iter().enumerate() {
        for query in *queries {
            let found = service.messages(&world, TENANT, query).await.unwrap();
            if conversations(&found).first() != Some(&id(1001 + at as u128)) {
                missed.push(format!("{query}: {:?}", conversations(&found)));
            } else if marked(&found).is_empty() {
                missed.push(format!("{query}: nothing is marked"));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
    service.stop().await;
}

#[tokio::test]
async fn marks_stand_where_the_words_stand() {
    if !available("marks_stand_where_the_words_stand") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    world_with_texts(&world).await;
    world
        .messages
        .push([message_change(TENANT, message(50, id(1050), id(7), "😀👩‍👩‍👧 寿司 & café au lait — 寿司"))]);
    let mut service = world.start(&engine.url, &engine.key).await;
    for (query, expected) in [
        ("headphones", vec!["headphones"]),
        ("cafe", vec!["café"]),
        ("寿司", vec!["寿司", "寿司"]),
        ("注文", vec!["注文"]),
        ("البطاقة", vec!["البطاقة"]),
        ("תודה", vec!["תודה"]),
        ("환불", vec!["환불"]),
        ("退款", vec!["退款"]),
        ("ยกเลิก", vec!["ยกเลิก"]),
    ] {
        let found = service.messages(&world, TENANT, query).await.unwrap();
        assert_eq!(marked(&found), expected, "{query}");
    }
    service.stop().await;
}

/// A fresh installation, and one whose customers write in Latin letters alone.
#[tokio::test]
async fn an_index_that_lacks_a_field_has_nothing_to_find_in_it() {
    if !available("an_index_that_lacks_a_field_has_nothing_to_find_in_it") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    let mut service = world.start(&engine.url, &engine.key).await;
    for query in ["parcel", "订单", "parcel 订单"] {
        let found = service.messages(&world, TENANT, query).await.unwrap();
        assert!(conversations(&found).is_empty(), "{query} in an empty index");
    }
    world.messages.push([message_change(TENANT, message(1, id(1001), id(7), "Where is my parcel?"))]);
    let found = service.messages(&world, TENANT, "parcel").await.unwrap();
    assert_eq!(conversations(&found), [id(1001)]);
    for query in ["订单", "parcel 订单"] {
        let found = service.messages(&world, TENANT, query).await.unwrap();
        assert!(conversations(&found).len() <= 1, "{query} where nobody wrote so");
    }
    service.stop().await;
}
