//! What the descriptors say of each RPC: the layers treat streams and unary calls differently.

use std::collections::HashMap;
use std::sync::Arc;

use prost::Message;
use prost_types::FileDescriptorSet;

/// The RPCs of a descriptor set by path. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Methods(Arc<HashMap<String, Method>>);

#[derive(Debug)]
pub(crate) struct Method {
    pub service: String,
    pub name: String,
    /// The caller, the service or both send a stream.
    pub streams: bool,
}

impl Methods {
    pub fn of(descriptor_set: &[u8]) -> Result<Self, prost::DecodeError> {
        let mut methods = HashMap::new();
        for file in FileDescriptorSet::decode(descriptor_set)?.file {
            for service in &file.service {
                let full_name = match file.package() {
                    "" => service.name().to_owned(),
                    package => format!("{package}.{}", service.name()),
                };
                for method in &service.method {
                    let streams = method.client_streaming() || method.server_streaming();
                    let entry =
                        Method { service: full_name.clone(), name: method.name().to_owned(), streams };
                    methods.insert(format!("/{full_name}/{}", method.name()), entry);
                }
            }
        }
        Ok(Self(Arc::new(methods)))
    }

    pub fn get(&self, path: &str) -> Option<&Method> {
        self.0.get(path)
    }

    /// False for paths that nobody serves: they end at once, as UNIMPLEMENTED.
    pub fn streams(&self, path: &str) -> bool {
        self.get(path).is_some_and(|method| method.streams)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_told_from_unary_calls() {
        let methods = Methods::of(tonic_health::pb::FILE_DESCRIPTOR_SET).unwrap();
        assert!(methods.streams("/grpc.health.v1.Health/Watch"));
        assert!(!methods.streams("/grpc.health.v1.Health/Check"));
        assert!(!methods.streams("/nobody/Serves"));
        assert_eq!(methods.get("/grpc.health.v1.Health/Check").unwrap().service, "grpc.health.v1.Health");
    }
}
