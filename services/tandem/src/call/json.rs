use anyhow::{Result, anyhow, bail};
use prost_reflect::{
    DeserializeOptions, DynamicMessage, MessageDescriptor, ReflectMessage, SerializeOptions, Value,
};
use tandem_ambient::Ambient;

/// Reads a request in canonical JSON.
///
/// # Errors
/// Text that is no JSON, values of the wrong type, and fields that the message has not: named, with those that it has.
pub fn parse(text: &str, message: &MessageDescriptor) -> Result<DynamicMessage> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let parsed = DynamicMessage::deserialize_with_options(message.clone(), &mut deserializer, &options)
        .map_err(|error| {
            anyhow!("the request is no {}: {error}{}", message.name(), fields(message, &error))
        })?;
    if deserializer.end().is_err() {
        bail!("the request goes on after its end");
    }
    Ok(parsed)
}

fn fields(message: &MessageDescriptor, error: &serde_json::Error) -> String {
    if !error.to_string().contains("unrecognized field") {
        return String::new();
    }
    let names: Vec<_> = message.fields().map(|field| field.json_name().to_owned()).collect();
    format!(
        "\n  {} has {}",
        message.name(),
        if names.is_empty() { "no fields".to_owned() } else { names.join(", ") }
    )
}

/// Gives a request that asks for a `request_id` and has none a new one, and tells it.
pub fn fill_request_id(request: &mut DynamicMessage, ambient: &Ambient) -> Option<String> {
    let field = request.descriptor().get_field_by_name("request_id")?;
    let asked = request.get_field(&field).as_str().is_some_and(str::is_empty) && !field.is_list();
    if !asked || request.descriptor().name() == "ResolveTransferRequest" {
        return None;
    }
    let id = ambient.id().to_string();
    request.set_field(&field, Value::String(id.clone()));
    Some(id)
}

/// Writes an answer in canonical JSON: on one line, or for people.
///
/// # Errors
/// An answer that JSON can't say, such as a timestamp out of its range.
pub fn write(answer: &DynamicMessage, pretty: bool) -> Result<String> {
    let mut bytes = Vec::new();
    let options = SerializeOptions::new();
    if pretty {
        answer.serialize_with_options(&mut serde_json::Serializer::pretty(&mut bytes), &options)?;
    } else {
        answer.serialize_with_options(&mut serde_json::Serializer::new(&mut bytes), &options)?;
    }
    Ok(String::from_utf8(bytes)?)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::call::methods::resolve;

    fn request(method: &str, json: &str) -> Result<DynamicMessage> {
        parse(json, &resolve(method).unwrap().input())
    }

    #[test]
    fn canonical_json_goes_in_and_comes_out() {
        let json =
            r#"{"requestId":"r","contents":[{"text":{"text":"hé"}}],"expectedEpoch":"7","private":true}"#;
        let parsed = request("SendMessage", json).unwrap();
        assert_eq!(write(&parsed, false).unwrap(), json);
        let proto_names = request("SendMessage", &json.replace("requestId", "request_id")).unwrap();
        assert_eq!(proto_names, parsed);
        assert_eq!(write(&parsed, true).unwrap().lines().count(), 12);
    }

    #[test]
    fn wrong_requests_are_explained() {
        let error = |method, json| format!("{:#}", request(method, json).unwrap_err());
        let text = error("SendMessage", r#"{"reqestId":"r"}"#);
        assert!(text.contains("reqestId") && text.contains("has requestId, conversationId"), "{text}");
        assert!(error("SendMessage", r#"{"contents":[{"txt":{}}]}"#).contains("txt"));
        assert!(error("ListChannels", r#"{"a":1}"#).contains("has no fields"));
        assert!(error("SendMessage", r#"{"private":"maybe"}"#).contains("no SendMessageRequest"));
        assert!(error("SendMessage", "{").contains("EOF"));
        assert!(error("SendMessage", "{} {}").contains("goes on"));
    }

    #[test]
    fn a_request_id_is_made_when_it_is_missing() {
        let ambient = Ambient::manual(DateTime::default(), 1);
        let mut asked = request("SendMessage", "{}").unwrap();
        let id = fill_request_id(&mut asked, &ambient).unwrap();
        assert!(write(&asked, false).unwrap().contains(&id));
        assert_eq!(fill_request_id(&mut asked, &ambient), None);
        assert_eq!(fill_request_id(&mut request("ListChannels", "{}").unwrap(), &ambient), None);
        let mut resolve = request("ResolveTransfer", "{}").unwrap();
        assert_eq!(fill_request_id(&mut resolve, &ambient), None, "it asks about one that was used");
    }
}
