//! Calls by name: any method of the descriptor set, with a body that is made at run time.

use bytes::{Buf, BufMut, Bytes};
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use tandem_bootstrap::InternalChannel;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};

/// Everything that the protos declare.
pub fn descriptors() -> DescriptorPool {
    DescriptorPool::decode(tandem_proto::DESCRIPTOR_SET).unwrap()
}

/// The path of a method on the wire.
pub fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// The method of a path without its package's `tandem.` and version, such as `conversation.IngestService/IngestMessages`.
///
/// # Panics
/// When there is none.
pub fn method(pool: &DescriptorPool, short: &str) -> MethodDescriptor {
    let (service, name) = short.split_once('/').unwrap();
    let (package, service) = service.split_once('.').unwrap();
    let service = pool.get_service_by_name(&format!("tandem.{package}.v1.{service}"));
    let found = service.and_then(|service| service.methods().find(|method| method.name() == name));
    found.unwrap_or_else(|| panic!("no method {short}"))
}

/// A method's request out of JSON.
///
/// # Panics
/// When it is no such request.
pub fn request(method: &MethodDescriptor, json: &str) -> DynamicMessage {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    DynamicMessage::deserialize(method.input(), &mut deserializer)
        .unwrap_or_else(|error| panic!("{}: {error} in {json}", method.full_name()))
}

/// Calls a unary method, or one that streams and refuses.
pub async fn call(
    channel: &InternalChannel,
    method: &MethodDescriptor,
    request: Request<Vec<u8>>,
) -> Result<DynamicMessage, Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await?;
    let answer = client.unary(request, path(method).parse().unwrap(), Plain).await?.into_inner();
    DynamicMessage::decode(method.output(), answer).map_err(|error| Status::data_loss(error.to_string()))
}

/// Carries bytes as they are.
#[derive(Debug, Clone, Copy)]
struct Plain;

impl Codec for Plain {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Plain {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
