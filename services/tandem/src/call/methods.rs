use std::sync::LazyLock;

use anyhow::{Result, bail};
use prost_reflect::{DescriptorPool, MethodDescriptor};

use crate::connection::ServiceName;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(tandem_proto::DESCRIPTOR_SET).expect("the committed descriptor set is valid")
});

/// Every method of the suite's own services, in the order of the files.
pub fn all() -> impl Iterator<Item = MethodDescriptor> {
    POOL.services()
        .filter(|service| service.package_name().starts_with("tandem."))
        .flat_map(|service| service.methods().collect::<Vec<_>>())
}

/// Finds a method by its name (`SendMessage`), with its service (`ConversationService/SendMessage`), or by its full
/// name with or without the leading `/`.
///
/// # Errors
/// No such method, with those that look alike; a short name that several services have, with all of them.
pub fn resolve(name: &str) -> Result<MethodDescriptor> {
    let wanted = name.trim_start_matches('/').replace('/', ".");
    let mut found: Vec<MethodDescriptor> = all()
        .filter(|method| method.full_name() == wanted || ends_with_part(method.full_name(), &wanted))
        .collect();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => bail!("no method is called `{name}`{}. `tandem call --list` shows all of them", alike(&wanted)),
        _ => bail!("several methods are called `{name}`: {}", names(&found)),
    }
}

/// The method's path on the wire.
pub fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// Which of the four services has a method. The feed is every service's own, so it has no one place.
pub fn service_of(method: &MethodDescriptor) -> Option<ServiceName> {
    ServiceName::of_package(method.parent_service().package_name())
}

fn ends_with_part(full: &str, wanted: &str) -> bool {
    full.strip_suffix(wanted).is_some_and(|before| before.ends_with('.'))
}

fn alike(wanted: &str) -> String {
    let short = wanted.rsplit('.').next().unwrap_or(wanted).to_lowercase();
    if short.is_empty() {
        return String::new();
    }
    let near: Vec<_> = all()
        .filter(|method| {
            let name = method.name().to_lowercase();
            name.contains(&short) || short.contains(&name) || distance(&name, &short) <= 2
        })
        .collect();
    if near.is_empty() { String::new() } else { format!("; did you mean {}", names(&near)) }
}

fn names(methods: &[MethodDescriptor]) -> String {
    let names: Vec<String> = methods
        .iter()
        .map(|method| format!("{}/{}", method.parent_service().name(), method.name()))
        .collect();
    names.join(", ")
}

/// How many letters differ (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, against) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *against);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_found_by_every_form_of_its_name() {
        for name in [
            "SendMessage",
            "ConversationService/SendMessage",
            "ConversationService.SendMessage",
            "tandem.conversation.v1.ConversationService/SendMessage",
            "/tandem.conversation.v1.ConversationService/SendMessage",
            "tandem.conversation.v1.ConversationService.SendMessage",
        ] {
            let method = resolve(name).unwrap();
            assert_eq!(path(&method), "/tandem.conversation.v1.ConversationService/SendMessage");
            assert_eq!(service_of(&method), Some(ServiceName::Conversation));
        }
    }

    #[test]
    fn what_is_not_found_names_what_looks_alike() {
        let error = |name| resolve(name).unwrap_err().to_string();
        assert!(error("sendMessage").contains("did you mean ConversationService/SendMessage"));
        assert!(error("SendMesage").contains("ConversationService/SendMessage"));
        assert!(error("Takeover").contains("AssignmentService/TakeOver"));
        assert!(!error("Xyzzyplugh").contains("did you mean"));
        assert!(error("").contains("no method"));
        assert!(error("essage").contains("no method"), "a part of a word is no name");
    }

    #[test]
    fn every_short_name_is_unique_or_tells_its_candidates() {
        for method in all() {
            let same = all().filter(|other| other.name() == method.name()).count();
            match resolve(method.name()) {
                Ok(found) => assert_eq!((same, found.full_name()), (1, method.full_name())),
                Err(error) => {
                    assert!(same > 1);
                    assert!(error.to_string().contains(method.parent_service().name()), "{error}");
                }
            }
        }
    }
}
