//! Any order and repetition of one contact's messages, reactions, edits, deletions and receipts gives the same
//! conversation: what was said, how people reacted, and what became of the replies.

use std::cell::Cell;
use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tandem_proto::conversation::v1::DeliveryState::{self, Delivered, Failed, Read, Sent};
use tandem_proto::conversation::v1::ingest_item::Event;
use tandem_proto::conversation::v1::message_content::Kind;
use tandem_proto::conversation::v1::{
    IngestDeletion, IngestEdit, IngestItem, IngestMessage, IngestReaction, IngestReceipt, Message,
};
use tandem_proto::r#type::v1::Identity;
use tandem_tests::{Parts, Suite, stored, text, time, whatsapp};
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use uuid::Uuid;

/// What the customer writes beside the first message, and what the AI answered before.
const MESSAGES: usize = 3;
const REPLIES: usize = 3;

/// Something about a message: the customer's 0 to 2, or the replies 3 to 5.
#[derive(Debug, Clone, Copy)]
enum Happening {
    /// The message itself, which may quote another.
    Message {
        quotes: Option<usize>,
    },
    Edit,
    Deletion,
    Reaction {
        emoji: &'static str,
    },
    Receipt {
        state: DeliveryState,
    },
    /// Of this reply and all before it.
    UpTo {
        state: DeliveryState,
    },
    /// Of all whose sending began by the time at which this one's did.
    UpToTime {
        state: DeliveryState,
    },
}

#[derive(Debug, Clone, Copy)]
struct Step {
    of: usize,
    happening: Happening,
    /// By the channel's clock, in seconds; many are stamped alike.
    second: i64,
}

fn step() -> impl Strategy<Value = Step> {
    let seen = prop::sample::select(vec![Delivered, Read]);
    let told = prop::sample::select(vec![Sent, Delivered, Read, Failed]);
    let of_message = prop_oneof![
        4 => Just(Happening::Edit),
        1 => Just(Happening::Deletion),
        4 => prop::sample::select(vec!["👍", "❤️", ""]).prop_map(|emoji| Happening::Reaction { emoji }),
    ];
    let of_reply = prop_oneof![
        3 => prop::sample::select(vec!["👍", "❤️", ""]).prop_map(|emoji| Happening::Reaction { emoji }),
        4 => told.prop_map(|state| Happening::Receipt { state }),
        2 => seen.clone().prop_map(|state| Happening::UpTo { state }),
        2 => seen.prop_map(|state| Happening::UpToTime { state }),
    ];
    let replies = MESSAGES..MESSAGES + REPLIES;
    prop_oneof![(0..MESSAGES, of_message), (replies, of_reply)]
        .prop_flat_map(|(of, happening)| (0_i64..4).prop_map(move |second| Step { of, happening, second }))
}

/// The steps, and two orders of them in which some come again.
fn case() -> impl Strategy<Value = (Vec<Step>, Vec<usize>, Vec<usize>)> {
    let quotes = prop::collection::vec(prop::option::of(0..MESSAGES + REPLIES), MESSAGES);
    (quotes, prop::collection::vec(step(), 4..20)).prop_flat_map(|(quotes, others)| {
        let messages = quotes.into_iter().enumerate().map(|(of, quotes)| {
            let quotes = quotes.filter(|quoted| *quoted != of);
            Step { of, happening: Happening::Message { quotes }, second: 0 }
        });
        let steps: Vec<Step> = messages.chain(others).collect();
        let all: Vec<usize> = (0..steps.len()).collect();
        let order = || {
            let again = prop::sample::subsequence(all.clone(), 0..=all.len());
            let all = all.clone();
            again.prop_flat_map(move |again| Just([all.clone(), again].concat()).prop_shuffle())
        };
        (Just(steps), order(), order())
    })
}

/// One contact's thread: names are `<contact>-<what>`, so that ties fall alike for each.
struct Thread<'a> {
    suite: &'a Suite,
    channel: Uuid,
    name: String,
    start: DateTime<Utc>,
    begun: Vec<DateTime<Utc>>,
    conversation_id: String,
}

/// What a thread shows, by what its messages are.
type Shown = BTreeMap<usize, (Option<String>, Vec<String>, DeliveryState, Option<usize>)>;

impl<'a> Thread<'a> {
    async fn begin(suite: &'a Suite, channel: Uuid, name: String) -> Self {
        let start = suite.ambient.now();
        let who = [whatsapp(&name)];
        let conversation_id =
            suite.write(channel, &format!("{name}-hello"), &who, "hello").await.conversation_id;
        let answer = suite.answer(&conversation_id, 1, 1, &["reply 3", "reply 4", "reply 5"]);
        suite.as_ai(0).send_message(answer).await.unwrap();
        let mut thread = Self { suite, channel, name, start, begun: Vec::new(), conversation_id };
        let adapter = suite.adapter(1, channel);
        for of in MESSAGES..MESSAGES + REPLIES {
            let item = adapter.one().await;
            thread.begun.push(suite.ambient.now());
            adapter.begin(&item).await.unwrap();
            adapter.sent(&item, &thread.of(of)).await.unwrap();
            suite.ambient.clock().advance(TimeDelta::seconds(10));
        }
        thread
    }

    /// The external id of a message, the provider's of a reply.
    fn of(&self, of: usize) -> String {
        format!("{}-{of}", self.name)
    }

    fn who(&self) -> Vec<Identity> {
        vec![whatsapp(&self.name)]
    }

    fn item(&self, number: usize, step: Step) -> IngestItem {
        let target = self.of(step.of);
        let receipt =
            |state: DeliveryState| IngestReceipt { state: state.into(), ..IngestReceipt::default() };
        let event = match step.happening {
            Happening::Message { quotes } => Event::Message(IngestMessage {
                content: Some(text(format!("message {}", step.of))),
                reply_to_external_id: quotes.map(|quoted| self.of(quoted)).unwrap_or_default(),
                ..IngestMessage::default()
            }),
            Happening::Edit => Event::Edit(IngestEdit {
                target_external_id: target.clone(),
                content: Some(text(format!("edit {number}"))),
            }),
            Happening::Deletion => Event::Deletion(IngestDeletion { target_external_id: target.clone() }),
            Happening::Reaction { emoji } => Event::Reaction(IngestReaction {
                target_external_id: target.clone(),
                emoji: emoji.to_owned(),
            }),
            Happening::Receipt { state } => {
                Event::Receipt(IngestReceipt { provider_id: target.clone(), ..receipt(state) })
            }
            Happening::UpTo { state } => {
                Event::Receipt(IngestReceipt { provider_id: target.clone(), up_to: true, ..receipt(state) })
            }
            Happening::UpToTime { state } => Event::Receipt(IngestReceipt {
                up_to_time: Some(time(self.begun[step.of - MESSAGES] + TimeDelta::seconds(2))),
                ..receipt(state)
            }),
        };
        let is_message = matches!(step.happening, Happening::Message { .. });
        IngestItem {
            external_id: if is_message { target } else { format!("{}-event-{number:03}", self.name) },
            identities: self.who(),
            source_time: Some(time(self.start + TimeDelta::seconds(step.second))),
            event: Some(event),
            ..IngestItem::default()
        }
    }

    /// Ingests in this order, one to three at a time, through either process.
    async fn play(&self, steps: &[Step], order: &[usize]) {
        let mut left = order;
        let mut round = 0;
        while !left.is_empty() {
            let (now, later) = left.split_at((1 + round % 3).min(left.len()));
            let items = now.iter().map(|number| self.item(*number, steps[*number])).collect();
            let results = self.suite.ingest(round, self.channel, items).await.results;
            results.into_iter().map(stored).for_each(drop);
            (left, round) = (later, round + 1);
        }
    }

    async fn shown(&self) -> Shown {
        let messages = self.suite.messages(&self.conversation_id).await;
        let number = |message: &Message| -> Option<usize> {
            message.external_id.strip_prefix(&format!("{}-", self.name))?.parse().ok()
        };
        let by_position: BTreeMap<i64, usize> =
            messages.iter().filter_map(|message| Some((message.position, number(message)?))).collect();
        let shown = |message: &Message| {
            let words = match message.content.as_ref().and_then(|content| content.kind.as_ref()) {
                Some(Kind::Text(text)) => Some(text.text.clone()),
                _ => None,
            };
            let emoji = message.reactions.iter().map(|reaction| reaction.emoji.clone()).collect();
            let quotes = by_position.get(&message.reply_to_position).copied();
            (words, emoji, message.delivery(), quotes)
        };
        messages.iter().filter_map(|message| Some((number(message)?, shown(message)))).collect()
    }
}

/// The same, worked out from all that happened, whatever came when.
fn expected(steps: &[Step]) -> Shown {
    let rank = |state: &DeliveryState| match state {
        Failed => 1,
        Delivered => 2,
        Read => 3,
        _ => 0,
    };
    let of = |of: usize| {
        let these = || steps.iter().enumerate().filter(move |(_, step)| step.of == of);
        // Of two in one second the greater id is the later.
        let last = |of_kind: fn(&Happening) -> bool| {
            these().filter(|(_, step)| of_kind(&step.happening)).max_by_key(|(n, step)| (step.second, *n))
        };
        let edit = last(|happening| matches!(happening, Happening::Edit));
        let reaction = last(|happening| matches!(happening, Happening::Reaction { .. }));
        let is_deleted = these().any(|(_, step)| matches!(step.happening, Happening::Deletion));
        let is_reply = of >= MESSAGES;
        let first = if is_reply { format!("reply {of}") } else { format!("message {of}") };
        let words = (!is_deleted).then(|| edit.map_or(first, |(number, _)| format!("edit {number}")));
        let emoji = match reaction.map(|(_, step)| step.happening) {
            Some(Happening::Reaction { emoji }) if !emoji.is_empty() && !is_deleted => vec![emoji.to_owned()],
            _ => Vec::new(),
        };
        let told = these().filter_map(|(_, step)| match step.happening {
            Happening::Receipt { state } | Happening::UpTo { state } => Some(state),
            _ => None,
        });
        let told = told.max_by_key(rank).filter(|state| rank(state) > 0).unwrap_or(Sent);
        let implied = steps.iter().filter_map(|step| match step.happening {
            Happening::UpTo { state } if step.of > of => Some(state),
            Happening::UpToTime { state } if step.of >= of => Some(state),
            _ => None,
        });
        let implied = implied.max_by_key(rank);
        let delivery = match (told, implied) {
            _ if !is_reply => DeliveryState::Unspecified,
            (Sent, Some(implied)) => implied,
            (Delivered, Some(Read)) => Read,
            (told, _) => told,
        };
        let quotes = these().find_map(|(_, step)| match step.happening {
            Happening::Message { quotes } => quotes,
            _ => None,
        });
        (of, (words, emoji, delivery, quotes))
    };
    (0..MESSAGES + REPLIES).map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_and_repetition_gives_the_same_conversation() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    let contacts = Cell::new(100);
    let check = async |steps: &[Step], orders: [&[usize]; 2]| {
        for order in orders {
            contacts.set(contacts.get() + 1);
            let thread = Thread::begin(&suite, channel, format!("US.{}", contacts.get())).await;
            thread.play(steps, order).await;
            prop_assert_eq!(thread.shown().await, expected(steps), "in the order {:?}", order);
        }
        Ok::<(), TestCaseError>(())
    };
    let config = Config { cases: 16, failure_persistence: None, ..Config::default() };
    // The property is asked from this thread, while the suite's tasks go on elsewhere.
    let outcome = block_in_place(|| {
        TestRunner::new(config)
            .run(&case(), |(steps, one, two)| Handle::current().block_on(check(&steps, [&one, &two])))
    });
    outcome.unwrap();
}
