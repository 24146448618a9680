//! Reads of request fields, each naming what is wrong with it.

use std::collections::HashSet;
use std::hash::Hash;

use chrono::{DateTime, TimeDelta, Utc};
use prost::Message;
use tandem_fault::Violations;
use tandem_request_log::Request;
use uuid::Uuid;

/// An id that must be there. Nil stands in for a wrong one: the violations end the call before it is used.
pub fn id(violations: &mut Violations, field: &str, value: &str) -> Uuid {
    Uuid::parse_str(value).unwrap_or_else(|_| {
        violations.add(field, "must be a UUID");
        Uuid::nil()
    })
}

pub fn optional_id(violations: &mut Violations, field: &str, value: &str) -> Option<Uuid> {
    (!value.is_empty()).then(|| id(violations, field, value))
}

/// Distinct ids, at most `most`.
pub fn ids(violations: &mut Violations, field: &str, values: &[String], most: usize) -> Vec<Uuid> {
    if values.len() > most {
        violations.add(field, format!("must be at most {most} ids"));
        return Vec::new();
    }
    let each = values.iter().enumerate();
    each.map(|(at, value)| id(violations, &format!("{field}[{at}]"), value)).collect()
}

/// Ids of a set: one that is named twice counts once.
pub fn distinct_ids(violations: &mut Violations, field: &str, values: &[String], most: usize) -> Vec<Uuid> {
    distinct(ids(violations, field, values, most))
}

/// Each value once, where it stands first: a list scans behind each of them.
fn distinct<T: Copy + Eq + Hash>(mut values: Vec<T>) -> Vec<T> {
    let mut seen = HashSet::new();
    values.retain(|value| seen.insert(*value));
    values
}

/// An enum that must be given.
pub fn kind<T>(violations: &mut Violations, field: &str, number: i32, of: fn(i16) -> Option<T>) -> Option<T> {
    let kind = i16::try_from(number).ok().and_then(of);
    if kind.is_none() {
        violations.add(field, "must be one of the known values");
    }
    kind
}

/// An enum that may be left out.
pub fn optional_kind<T>(
    violations: &mut Violations,
    field: &str,
    number: i32,
    of: fn(i16) -> Option<T>,
) -> Option<T> {
    if number == 0 { None } else { kind(violations, field, number, of) }
}

/// Distinct enums, at most 100.
pub fn kinds<T: Copy + Eq + Hash>(
    violations: &mut Violations,
    field: &str,
    numbers: &[i32],
    of: fn(i16) -> Option<T>,
) -> Vec<T> {
    if numbers.len() > 100 {
        violations.add(field, "must be at most 100 values");
        return Vec::new();
    }
    let each = numbers.iter().enumerate();
    distinct(
        each.filter_map(|(at, number)| kind(violations, &format!("{field}[{at}]"), *number, of)).collect(),
    )
}

/// Text of a length in characters. NUL cannot be stored.
pub fn text(violations: &mut Violations, field: &str, value: &str, length: std::ops::RangeInclusive<usize>) {
    if !length.contains(&value.chars().count()) {
        violations.add(field, format!("must be {} to {} characters", length.start(), length.end()));
    }
    if value.contains('\0') {
        violations.add(field, "must not contain NUL");
    }
}

/// A time between the years 1970 and 9999.
pub fn time(
    violations: &mut Violations,
    field: &str,
    value: Option<prost_types::Timestamp>,
) -> Option<DateTime<Utc>> {
    let value = value?;
    let time =
        u32::try_from(value.nanos).ok().and_then(|nanos| DateTime::from_timestamp(value.seconds, nanos));
    let time = time.filter(|_| (0..253_402_300_800).contains(&value.seconds));
    if time.is_none() {
        violations.add(field, "must be a time between the years 1970 and 9999");
    }
    // PostgreSQL keeps microseconds.
    time.map(|time| chrono::SubsecRound::trunc_subsecs(time, 6))
}

/// A whole number of seconds, at least one and at most ten years.
pub fn seconds(
    violations: &mut Violations,
    field: &str,
    value: Option<prost_types::Duration>,
) -> Option<TimeDelta> {
    let value = value?;
    if value.nanos != 0 || !(1..=315_360_000).contains(&value.seconds) {
        violations.add(field, "must be whole seconds, 1 to ten years");
        return None;
    }
    Some(TimeDelta::seconds(value.seconds))
}

/// How many of something: 0 means the default.
pub fn size(violations: &mut Violations, field: &str, value: i32, default: i32, most: i32) -> i64 {
    violations.check((0..=most).contains(&value), field, &format!("must be 0 to {most}"));
    i64::from(if value == 0 { default } else { value })
}

/// How long a lease lasts: 5 to 600 seconds, 0 means 60.
pub fn lease(violations: &mut Violations, field: &str, seconds: i32) -> TimeDelta {
    violations.check(seconds == 0 || (5..=600).contains(&seconds), field, "must be 0 or 5 to 600");
    TimeDelta::seconds(if seconds == 0 { 60 } else { seconds.into() })
}

/// A request id with the body that it was given for. `body` has what is not part of it cleared.
pub fn request(
    violations: &mut Violations,
    tenant_id: Uuid,
    scope: &'static str,
    request_id: &str,
    body: &impl Message,
) -> Request {
    let request_id = id(violations, "request_id", request_id);
    Request::new(tenant_id, scope, request_id, &body.encode_to_vec())
}
