use std::fs::File;
use std::io::{BufRead, BufReader, Read, Split};
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use serde_json::Value;

use super::lines::UnixLines;

/// What a gzip file begins with; the name says nothing reliable.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Column and what stands there: several values where a line has a list.
pub type Values = Vec<(String, Vec<String>)>;

/// A line of a file, or why it is none.
pub struct Line {
    /// From 1, as editors count: where the record begins.
    pub number: u64,
    pub read: Result<Values, String>,
}

/// The records of a file, one after the other.
pub enum Lines {
    Csv { columns: Vec<String>, reader: csv::Reader<UnixLines<Box<dyn BufRead>>> },
    Json { number: u64, lines: Split<Box<dyn BufRead>> },
}

impl Lines {
    /// Opens CSV with a header or a JSON object a line, gzip or plain.
    ///
    /// # Errors
    /// A file that can't be read, a header that is none.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("cannot open {shown}"))?;
        let mut reader = BufReader::new(file);
        let zipped = reader.fill_buf().with_context(|| format!("cannot read {shown}"))?.starts_with(&GZIP);
        let reader: Box<dyn Read> =
            if zipped { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) };
        let reader: Box<dyn BufRead> = Box::new(BufReader::new(reader));
        Self::of(reader).with_context(|| format!("{shown}"))
    }

    fn of(mut reader: Box<dyn BufRead>) -> Result<Self> {
        let head = reader.fill_buf()?;
        if head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
            return Ok(Self::Json { number: 0, lines: reader.split(b'\n') });
        }
        let delimiter = delimiter(head);
        // Fields are trimmed below: what was trimmed could not be counted.
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(UnixLines::new(reader));
        let header = reader.headers().context("the first line is no header of columns")?;
        let columns: Vec<String> = header.iter().map(|column| column.trim().to_owned()).collect();
        if columns.iter().all(String::is_empty) {
            bail!("the first line names no columns");
        }
        if let Some(twice) =
            columns.iter().enumerate().find(|(index, name)| columns[..*index].contains(*name))
        {
            bail!("two columns are called {:?}", twice.1);
        }
        Ok(Self::Csv { columns, reader })
    }
}

impl Iterator for Lines {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Csv { columns, reader } => {
                let mut record = csv::ByteRecord::new();
                let read = reader.read_byte_record(&mut record);
                // Where the reader stands is behind the record; its own position is before the empty lines before it.
                let inside = record.iter().flatten().filter(|byte| **byte == b'\n').count() as u64;
                let number = reader.position().line().saturating_sub(1 + inside);
                match read {
                    Ok(false) => None,
                    Ok(true) => Some(Ok(Line { number, read: cells(columns, record) })),
                    Err(error) if error.is_io_error() => Some(Err(error.into())),
                    Err(error) => Some(Ok(Line { number, read: Err(explain(&error)) })),
                }
            }
            Self::Json { number, lines } => loop {
                let line = match lines.next()? {
                    Ok(line) => line,
                    Err(error) => return Some(Err(error.into())),
                };
                *number += 1;
                if !line.iter().all(u8::is_ascii_whitespace) {
                    return Some(Ok(Line { number: *number, read: object(&line) }));
                }
            },
        }
    }
}

fn cells(columns: &[String], record: csv::ByteRecord) -> Result<Values, String> {
    let record = csv::StringRecord::from_byte_record(record).map_err(|_| "is not UTF-8".to_owned())?;
    let cells = columns.iter().zip(&record).map(|(column, cell)| (column, cell.trim()));
    let filled = cells.filter(|(_, cell)| !cell.is_empty());
    Ok(filled.map(|(column, cell)| (column.clone(), vec![cell.to_owned()])).collect())
}

/// What parts columns: whichever the header has most of.
fn delimiter(head: &[u8]) -> u8 {
    let header = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| header.iter().filter(|byte| **byte == wanted).count();
    let most = [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter));
    most.filter(|delimiter| count(*delimiter) > 0).unwrap_or(b',')
}

fn explain(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the header has {expected_len} columns, the line {len}")
        }
        _ => "is no line of CSV".to_owned(),
    }
}

fn object(line: &[u8]) -> Result<Values, String> {
    // No text of the line: the error stands in a file of its own, and what is in the line is somebody's.
    let read: Value = serde_json::from_slice(line).map_err(|error| {
        let what = if error.is_eof() { "ends too early" } else { "is no JSON" };
        format!("{what}, at column {}", error.column())
    })?;
    let Value::Object(fields) = read else { return Err("is no JSON object".to_owned()) };
    let mut values = Vec::with_capacity(fields.len());
    for (column, value) in fields {
        let listed = match value {
            Value::Array(items) => items.iter().map(scalar).collect(),
            one => scalar(&one).map(|one| vec![one]),
        };
        let mut listed: Vec<String> =
            listed.ok_or_else(|| format!("{column} is neither text, a number, true or false, nor a list"))?;
        listed.retain(|one| !one.is_empty());
        if !listed.is_empty() {
            values.push((column, listed));
        }
    }
    Ok(values)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        Value::String(value) => Some(value.trim().to_owned()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, Result<Values, String>)> {
        let reader: Box<dyn BufRead> = Box::new(Cursor::new(text.to_vec()));
        Lines::of(reader).unwrap().map(|line| line.unwrap()).map(|line| (line.number, line.read)).collect()
    }

    fn pair(column: &str, values: &[&str]) -> (String, Vec<String>) {
        (column.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn csv_of_every_country_reads_alike() {
        for text in [
            "id,name,note\n7,\"Doe, Ann\",\n",
            "\u{feff}id;name;note\r\n7;Doe, Ann;\r\n",
            "id\tname\tnote\n7\tDoe, Ann\t\n",
        ] {
            let read = lines(text.as_bytes());
            let values = vec![pair("id", &["7"]), pair("name", &["Doe, Ann"])];
            assert_eq!(read, [(2, Ok(values))], "{text:?}");
        }
    }

    #[test]
    fn a_broken_line_is_told_with_its_number_and_the_rest_is_read() {
        let read = lines(b"id,name\n1,\"two\nlines\"\n2\n\r\n3,\xff\xff\r\n4,Ann");
        let told: Vec<_> = read.iter().map(|(number, read)| (*number, read.is_ok())).collect();
        assert_eq!(told, [(2, true), (4, false), (6, false), (7, true)]);
        let read = lines(b"{\"id\":1}\n\n{\"id\":\n[1]\n{\"id\":{}}\n{\"id\":\"2\"}\n");
        let told: Vec<_> = read.iter().map(|(number, read)| (*number, read.is_ok())).collect();
        assert_eq!(told, [(1, true), (3, false), (4, false), (5, false), (6, true)]);
    }

    #[test]
    fn json_gives_lists_numbers_and_words() {
        let read = lines(br#"{"id":12,"vip":true,"tags":["a","",null,"b"],"none":null,"empty":[]}"#);
        let mut values = read[0].1.clone().unwrap();
        values.sort();
        assert_eq!(values, [pair("id", &["12"]), pair("tags", &["a", "b"]), pair("vip", &["true"])]);
    }

    #[test]
    fn a_file_without_a_header_is_refused() {
        for text in ["", "\n", "id,id\n1,2\n", ",,\n1,2,3\n"] {
            let reader: Box<dyn BufRead> = Box::new(Cursor::new(text.as_bytes().to_vec()));
            assert!(Lines::of(reader).is_err(), "{text:?}");
        }
    }
}
