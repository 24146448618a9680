use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use tandem_proto::customer::v1::ImportRecord;

use super::reader::Values;

/// Where what stands in a column goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    ExternalId,
    DisplayName,
    Phones,
    Emails,
    Language,
    TimeZone,
    Company,
    Category,
    Tags,
    Attribute(String),
    Nowhere,
}

/// What columns are commonly called, in the form of [`plain`].
const NAMES: &[(&str, Field)] = &[
    ("external_id", Field::ExternalId),
    ("customer_id", Field::ExternalId),
    ("id", Field::ExternalId),
    ("display_name", Field::DisplayName),
    ("name", Field::DisplayName),
    ("full_name", Field::DisplayName),
    ("first_name", Field::DisplayName),
    ("last_name", Field::DisplayName),
    ("phone", Field::Phones),
    ("phones", Field::Phones),
    ("phone_number", Field::Phones),
    ("mobile", Field::Phones),
    ("email", Field::Emails),
    ("emails", Field::Emails),
    ("e_mail", Field::Emails),
    ("email_address", Field::Emails),
    ("language", Field::Language),
    ("time_zone", Field::TimeZone),
    ("timezone", Field::TimeZone),
    ("company", Field::Company),
    ("category", Field::Category),
    ("tags", Field::Tags),
];

impl Field {
    /// A field by the name that `--map` gives it.
    fn parse(name: &str) -> Option<Self> {
        if let Some(key) = name.strip_prefix("attributes.") {
            return Some(Self::Attribute(key.to_owned()));
        }
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, field)| field.clone())
    }

    /// Several columns may go there.
    fn takes_several(&self) -> bool {
        matches!(self, Self::DisplayName | Self::Phones | Self::Emails | Self::Tags | Self::Nowhere)
    }
}

/// A column's name as a key: small letters and digits in words joined by `_`.
pub fn plain(column: &str) -> String {
    let lower = column.trim().to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

/// Where each column goes.
#[derive(Debug)]
pub struct Mapping {
    by_column: BTreeMap<String, Field>,
}

impl Mapping {
    /// Maps columns: as `given` says, by their names, or to the attribute of that key; answers with it the columns that go
    /// nowhere of these.
    ///
    /// # Errors
    /// A column given that the file does not have, a field that there is not, two columns for one field, no column of ids.
    pub fn of(
        columns: &BTreeSet<String>,
        given: &[(String, String)],
        ignored: &[String],
        attributes: &BTreeSet<String>,
    ) -> Result<(Self, Vec<String>)> {
        let mut by_column: BTreeMap<String, Field> = BTreeMap::new();
        for (column, name) in given {
            let Some(field) = Field::parse(name) else {
                bail!("--map: there is no field {name:?}; attributes are called attributes.KEY");
            };
            by_column.insert(column.clone(), field);
        }
        by_column.extend(ignored.iter().map(|column| (column.clone(), Field::Nowhere)));
        if let Some(missing) = by_column.keys().find(|column| !columns.contains(*column)) {
            bail!("the file has no column {missing:?}");
        }
        let mut unknown = Vec::new();
        for column in columns {
            if by_column.contains_key(column) {
                continue;
            }
            let name = plain(column);
            if let Some((_, field)) = NAMES.iter().find(|(known, _)| *known == name) {
                by_column.insert(column.clone(), field.clone());
            } else if attributes.contains(&name) {
                by_column.insert(column.clone(), Field::Attribute(name));
            } else {
                unknown.push(column.clone());
            }
        }
        let mut by_field: BTreeMap<&Field, &String> = BTreeMap::new();
        for (column, field) in &by_column {
            if let Some(other) = by_field.insert(field, column).filter(|_| !field.takes_several()) {
                bail!("{other:?} and {column:?} go to one field: say with --map or --ignore which one does");
            }
        }
        if !by_field.contains_key(&Field::ExternalId) {
            bail!("no column has the ids of the customers: name it with --map COLUMN=external_id");
        }
        Ok((Self { by_column }, unknown))
    }

    /// The record of a line. What is in columns that are mapped nowhere is left out.
    pub fn record(&self, values: Values) -> ImportRecord {
        let mut record = ImportRecord::default();
        let mut names: Vec<(String, String)> = Vec::new();
        for (column, listed) in values {
            let Some(field) = self.by_column.get(&column) else { continue };
            match field {
                Field::ExternalId => record.external_id = listed.join(" "),
                Field::DisplayName => names.push((plain(&column), listed.join(" "))),
                Field::Phones => record.phones.extend(parts(&listed)),
                Field::Emails => record.emails.extend(parts(&listed)),
                Field::Language => record.language = listed.join(" "),
                Field::TimeZone => record.time_zone = listed.join(" "),
                Field::Company => record.company = listed.join(" "),
                Field::Category => record.category = listed.join(" "),
                Field::Tags => record.tags.extend(parts(&listed)),
                Field::Attribute(key) => {
                    record.attributes.insert(key.clone(), listed.join(", "));
                }
                Field::Nowhere => {}
            }
        }
        // A given name stands before a family name, whatever the order of the columns.
        names.sort_by_key(|(column, _)| column == "last_name");
        record.display_name = names.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(" ");
        record
    }
}

/// Lists in one cell are parted by semicolons or commas.
fn parts(listed: &[String]) -> impl Iterator<Item = String> {
    let parts = listed.iter().flat_map(|one| one.split([';', ',']));
    parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(columns: &[&str], given: &[(&str, &str)]) -> Result<(Mapping, Vec<String>)> {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        let given: Vec<_> =
            given.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect();
        Mapping::of(&columns, &given, &[], &["plan".to_owned(), "postal_code".to_owned()].into())
    }

    #[test]
    fn columns_are_known_by_what_they_are_commonly_called() {
        let columns = [
            "Customer ID",
            "Last name",
            "First name",
            "E-mail",
            "Mobile",
            "TAGS",
            "Plan",
            "Postal code",
            "Shoe",
        ];
        let (mapping, unknown) = mapping(&columns, &[]).unwrap();
        assert_eq!(unknown, ["Shoe"]);
        let cells =
            ["c-1", "Doe", "Ann", "a@x.com; b@x.com", "+1 415 555 2671", "VIP, new", "gold", "80211", "38"];
        let values =
            columns.iter().zip(cells).map(|(column, cell)| ((*column).to_owned(), vec![cell.to_owned()]));
        let record = mapping.record(values.collect());
        assert_eq!((record.external_id.as_str(), record.display_name.as_str()), ("c-1", "Ann Doe"));
        assert_eq!((record.emails.len(), record.phones.len(), record.tags.len()), (2, 1, 2));
        assert_eq!((record.attributes["plan"].as_str(), record.attributes.len()), ("gold", 2));
    }

    #[test]
    fn what_is_said_wins_over_names() {
        let given = [("crm", "external_id"), ("id", "attributes.plan")];
        let (mapping, unknown) = mapping(&["crm", "id"], &given).unwrap();
        assert!(unknown.is_empty());
        let record = mapping.record(vec![("crm".into(), vec!["7".into()]), ("id".into(), vec!["x".into()])]);
        assert_eq!((record.external_id.as_str(), record.attributes["plan"].as_str()), ("7", "x"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (columns, given) in [
            (&["name"][..], &[][..]),
            (&["id", "customer_id"], &[]),
            (&["id", "x"], &[("x", "nothing")]),
            (&["id"], &[("x", "company")]),
        ] {
            assert!(mapping(columns, given).is_err(), "{columns:?}");
        }
    }
}
