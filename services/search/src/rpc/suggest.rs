//! `SuggestTerms` on the wire.

use tandem_fault::{Result, Violations};
use tandem_proto::search::v1::{SuggestTermsRequest, Term, TermKind};

use super::parse;
use crate::domain::customer::suggest::Name;
use crate::peer::CarriedTag;

/// Of each kind when the request names no number, and at most.
const SIZE: (i32, i32) = (10, 20);
/// Characters of what was typed.
const TYPED: usize = 64;

/// What is asked for.
#[derive(Debug)]
pub struct Wanted {
    pub typed: String,
    pub names: bool,
    pub tags: bool,
    pub size: usize,
}

pub fn wanted(request: SuggestTermsRequest) -> Result<Wanted> {
    let mut violations = Violations::new();
    let typed = parse::query(&mut violations, "prefix", request.prefix, TYPED);
    let size = parse::size(&mut violations, "page_size", request.page_size, SIZE);
    let most = parse::MOST_VALUES;
    violations.check(request.kinds.len() <= most, "kinds", "must be at most 100 values");
    let kinds: Vec<TermKind> =
        request.kinds.iter().take(most).map(|kind| TermKind::try_from(*kind).unwrap_or_default()).collect();
    for (at, kind) in kinds.iter().enumerate() {
        let known = *kind != TermKind::Unspecified;
        violations.check(known, &format!("kinds[{at}]"), "must be a known value");
    }
    violations.finish()?;
    let asked = |kind| kinds.is_empty() || kinds.contains(&kind);
    Ok(Wanted {
        typed: typed.trim().to_owned(),
        names: asked(TermKind::CustomerName),
        tags: asked(TermKind::CustomerTag),
        size,
    })
}

pub fn terms(names: Vec<Name>, tags: Vec<CarriedTag>, size: usize) -> Vec<Term> {
    let names = names.into_iter().map(|name| Term {
        kind: TermKind::CustomerName.into(),
        text: name.text,
        id: name.customer.to_string(),
    });
    let tags = tags.into_iter().take(size).map(|tag| Term {
        kind: TermKind::CustomerTag.into(),
        text: tag.name,
        id: tag.id,
    });
    names.chain(tags).collect()
}
