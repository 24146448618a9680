use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;

/// What a gzip file begins with; the name says nothing reliable.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// One conversation as a file has it: a line of JSON. Fields that the replay needs not are passed over.
#[derive(Debug, Clone, Deserialize)]
pub struct SourceConversation {
    pub conversation_id: String,
    pub channel: SourceChannel,
    #[serde(default)]
    pub customer: SourceCustomer,
    pub messages: Vec<SourceMessage>,
    pub topic: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    /// Seconds since 1970 of the first message: orders a customer's conversations.
    pub started_at: Option<i64>,
    /// Who of the business answered.
    pub agent_id: Option<String>,
    /// The id of the last message before the AI gave up.
    pub handoff_after: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceChannel {
    Whatsapp,
    Webchat,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct SourceCustomer {
    /// The business's own user id.
    pub external_id: Option<String>,
    pub name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct SourceMessage {
    /// The channel's own id of the message.
    pub id: String,
    /// Milliseconds since the first message.
    #[serde(default)]
    pub at_offset_ms: u64,
    pub from: Author,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Author {
    Customer,
    Agent,
    Bot,
}

impl SourceConversation {
    /// Whose conversation it is: the business's own user id, or the conversation itself where there is none.
    pub fn customer_key(&self) -> &str {
        self.customer.external_id.as_deref().unwrap_or(&self.conversation_id)
    }
}

/// Reads a file, gzip or plain.
///
/// # Errors
/// A file that can't be read, a line that is no conversation: named with its number.
pub fn read_file(path: &Path) -> Result<Vec<SourceConversation>> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {shown}"))?;
    let mut reader = BufReader::new(file);
    let zipped = reader.fill_buf().with_context(|| format!("cannot read {shown}"))?.starts_with(&GZIP);
    if zipped {
        read(MultiGzDecoder::new(reader), &shown.to_string())
    } else {
        read(reader, &shown.to_string())
    }
}

/// Reads conversations, one a line; empty lines are passed over.
///
/// # Errors
/// As [`read_file`]; `name` stands for the file.
pub fn read(lines: impl Read, name: &str) -> Result<Vec<SourceConversation>> {
    let mut conversations = Vec::new();
    for (index, line) in BufReader::new(lines).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {name}, line {}", index + 1))?;
        if line.trim().is_empty() {
            continue;
        }
        let conversation = serde_json::from_str(&line)
            .with_context(|| format!("{name}, line {} is no conversation", index + 1))?;
        conversations.push(conversation);
    }
    Ok(conversations)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const LINE: &str = r#"{"conversation_id":"a-1","source":"x","lang":"en","channel":"webchat","customer":{"name":"Ada"},
        "messages":[{"id":"a-1:001","at_offset_ms":0,"from":"customer","text":"hi"}],"topic":"t","tags":["happy"]}"#;

    fn line() -> String {
        LINE.replace('\n', " ")
    }

    #[test]
    fn gzip_and_plain_read_alike() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, zipped) = (folder.path().join("a.jsonl"), folder.path().join("b"));
        std::fs::write(&plain, format!("{}\n\n{}", line(), line())).unwrap();
        let mut encoder =
            flate2::write::GzEncoder::new(File::create(&zipped).unwrap(), flate2::Compression::fast());
        encoder.write_all(&std::fs::read(&plain).unwrap()).unwrap();
        encoder.finish().unwrap();
        for path in [plain, zipped] {
            let found = read_file(&path).unwrap();
            assert_eq!(found.len(), 2);
            assert_eq!((found[0].customer_key(), found[0].channel), ("a-1", SourceChannel::Webchat));
            assert_eq!((found[0].tags.len(), found[0].messages[0].from), (1, Author::Customer));
        }
    }

    #[test]
    fn a_broken_line_is_named() {
        let text = format!("{}\n{{\"conversation_id\":1}}\n", line());
        let error = format!("{:#}", read(text.as_bytes(), "file").unwrap_err());
        assert!(error.starts_with("file, line 2 is no conversation"), "{error}");
        let error = read(line().replace("webchat", "fax").as_bytes(), "file").unwrap_err();
        assert!(format!("{error:#}").contains("unknown variant `fax`"), "{error:#}");
    }
}
