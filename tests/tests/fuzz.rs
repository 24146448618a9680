//! Promise 10 for what nobody thought of: values of every sort in every field of every request, from a seed. Nothing ends
//! as INTERNAL, and the services go on.

use prost_reflect::prost::Message;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind as FieldKind, MessageDescriptor, ReflectMessage, Value,
};
use tandem_access::{Role, Roles, TokenSpec};
use tandem_ambient::Ambient;
use tandem_bootstrap::OnBehalfOf;
use tandem_tests::raw::{call, descriptors, path};
use tandem_tests::{Kind, Parts, Suite, whatsapp};
use tonic::{Code, Request};

/// Requests of each method.
const ROUNDS: usize = 60;
const SEED: u64 = 20_261_122;

/// Values from a seed.
struct Values {
    random: Ambient,
    /// Ids of what exists.
    ids: Vec<String>,
}

impl Values {
    fn below(&self, most: usize) -> usize {
        usize::try_from(u64::from_le_bytes(self.random.bytes())).unwrap() % most
    }

    fn of<T: Copy>(&self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    fn message(&self, descriptor: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        for field in descriptor.fields() {
            // The deeper, the fewer: some requests must be nearly right to get anywhere.
            if self.below(10) < if depth == 0 { 8 } else { 6 } && depth < 6 {
                let value = self.value(&field, depth);
                message.set_field(&field, value);
            }
        }
        message
    }

    fn value(&self, field: &FieldDescriptor, depth: usize) -> Value {
        if field.is_map() {
            return Value::Map(Default::default());
        }
        if field.is_list() {
            let count = self.of(&[0, 1, 1, 1, 2, 3, 12, 120]);
            let count = if matches!(field.kind(), FieldKind::Message(_)) { count.min(12) } else { count };
            return Value::List((0..count).map(|_| self.single(field, depth)).collect());
        }
        self.single(field, depth)
    }

    fn single(&self, field: &FieldDescriptor, depth: usize) -> Value {
        match field.kind() {
            FieldKind::String => Value::String(self.text(field.name())),
            FieldKind::Bytes => Value::Bytes(self.random.bytes::<16>().to_vec().into()),
            FieldKind::Bool => Value::Bool(self.below(2) == 0),
            FieldKind::Double => Value::F64(self.of(&[f64::NAN, f64::INFINITY, -1e308, -0.0, 52.5])),
            FieldKind::Float => Value::F32(self.of(&[f32::NAN, f32::NEG_INFINITY, 1.5])),
            FieldKind::Enum(_) => Value::EnumNumber(self.of(&[0, 1, 2, 3, 4, 5, 99, -1, i32::MAX, i32::MIN])),
            FieldKind::Int32 | FieldKind::Sint32 | FieldKind::Sfixed32 => {
                Value::I32(self.of(&[0, 1, 2, 10, 60, -1, i32::MIN, i32::MAX, 999_999_999]))
            }
            FieldKind::Int64 | FieldKind::Sint64 | FieldKind::Sfixed64 => {
                Value::I64(self.of(&[0, 1, 2, 3, -1, i64::MIN, i64::MAX, 1_700_000_000, 253_402_300_800]))
            }
            FieldKind::Uint32 | FieldKind::Fixed32 => Value::U32(self.of(&[0, 1, u32::MAX])),
            FieldKind::Uint64 | FieldKind::Fixed64 => Value::U64(self.of(&[0, 1, u64::MAX])),
            FieldKind::Message(inner) => Value::Message(self.message(&inner, depth + 1)),
        }
    }

    fn text(&self, name: &str) -> String {
        if name == "request_id" && self.below(10) < 8 {
            return self.random.id().to_string();
        }
        if (name == "id" || name.ends_with("_id") || name.ends_with("_ids")) && self.below(10) < 7 {
            return self.ids[self.below(self.ids.len())].clone();
        }
        match self.below(14) {
            0 => String::new(),
            1 => "\0".to_owned(),
            2 => "x".repeat(300),
            3 => "é".repeat(20_000),
            4 => "\u{202e}مرحبا 👩‍👩‍👧 \u{feff}\u{fffd}".to_owned(),
            5 => "'; DROP TABLE message; --".to_owned(),
            6 => "{\"a\": [1e999, \"\\u0000\", null]}".to_owned(),
            7 => "00000000-0000-0000-0000-000000000000".to_owned(),
            8 => self.random.id().to_string(),
            9 => "Asia/Jerusalem".to_owned(),
            10 => "display_name".to_owned(),
            11 => "1".to_owned(),
            _ => "words".to_owned(),
        }
    }
}

/// A pull that waits would wait.
fn without_wait(message: &mut DynamicMessage) {
    if message.descriptor().name() == "PullOutboundRequest" {
        message.clear_field_by_name("wait");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_in_any_field_is_a_fault_of_the_services() {
    let suite = Suite::start(Parts { customer_profile: true, ..Parts::WITH_ASSIGNMENT }).await;
    let (agents, team) = suite.agents(1).await;
    let channel = suite.create_channel().await;
    let stored = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await;
    let found = suite.get(&stored.conversation_id).await;
    suite.as_ai(0).send_message(suite.answer(&found.id, 1, 1, &["one", "two"])).await.unwrap();
    let leased = suite.adapter(0, channel).one().await;
    let ids = [
        agents[0].to_string(),
        team.to_string(),
        channel.to_string(),
        leased.lease_id,
        leased.message.unwrap().id,
    ];
    let ids =
        ids.into_iter().chain([found.id, found.contact_id, found.customer_id, stored.message_id]).collect();
    let values = Values { random: Ambient::manual(suite.ambient.now(), SEED), ids };
    let everybody = TokenSpec {
        roles: Roles::from([Role::Agent, Role::Supervisor, Role::Admin, Role::Ai, Role::Channel]),
        channels: vec![channel],
        ..suite.spec("agent-0", Role::Agent)
    };
    let service = TokenSpec { tenant: None, ..suite.spec("service", Role::Service) };
    let (mut asked, mut let_through) = (0, 0);
    for descriptor in descriptors().services() {
        let kind = match descriptor.package_name() {
            "tandem.conversation.v1" | "tandem.feed.v1" => Kind::Conversation,
            "tandem.assignment.v1" => Kind::Assignment,
            "tandem.customer.v1" => Kind::CustomerProfile,
            _ => continue,
        };
        let internal = ["TransferService", "TenantService", "ChangeFeedService"].contains(&descriptor.name());
        let channel = suite.channel(kind, asked % 2, if internal { &service } else { &everybody });
        for method in descriptor.methods().filter(|method| !method.is_server_streaming()) {
            for _ in 0..ROUNDS {
                let mut body = values.message(&method.input(), 0);
                without_wait(&mut body);
                let mut request = Request::new(body.encode_to_vec());
                if descriptor.name() == "TransferService" {
                    request.extensions_mut().insert(OnBehalfOf(suite.tenant));
                }
                let answer = call(&channel, &method, request).await;
                asked += 1;
                let Err(status) = answer else {
                    let_through += 1;
                    continue;
                };
                let ours = [
                    Code::Internal,
                    Code::Unknown,
                    Code::DataLoss,
                    Code::Unimplemented,
                    Code::DeadlineExceeded,
                ];
                assert!(!ours.contains(&status.code()), "{}: {status:?} of {body:?}", path(&method));
                let known = status.code() != Code::Unavailable;
                assert!(known, "{}: {status:?} of {body:?}", path(&method));
            }
        }
    }
    println!("{asked} requests, {let_through} let through");
    assert!(let_through > 100, "some are nearly right");
    let after = suite.write(channel, "m2", &[whatsapp("US.2")], "still there").await;
    assert_eq!(suite.messages(&after.conversation_id).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_message_are_the_callers_error() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.as_role(0, "admin", Role::Admin);
    let service = descriptors().get_service_by_name("tandem.conversation.v1.ConversationService").unwrap();
    let method = service.methods().find(|method| method.name() == "GetConversation").unwrap();
    // A cut-off field, a text that is no UTF-8, a wrong wire type, too long a number.
    for bytes in [&[0x0a, 0xff][..], &[0x0a, 0x01, 0xff], &[0x08, 0x01], &[0xff; 11]] {
        let status = call(&channel, &method, Request::new(bytes.to_vec())).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{bytes:?}: {status:?}");
    }
}
