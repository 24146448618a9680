//! Lists by name, narrowed by what no index knows: a call looks at a bounded number of rows.

use uuid::Uuid;

/// Rows that one call looks at where not every row matches.
const BUDGET: i64 = 1_000;

/// A folded name and an id: where a page ends.
pub type Key = (String, Uuid);

/// A page, and where the next one begins.
#[derive(Debug)]
pub struct Scanned<T> {
    pub items: Vec<T>,
    /// `None` at the end of the list.
    pub next: Option<Key>,
}

impl Scanned<Key> {
    /// The first `limit` of what matches. `end` is the last row that was looked at, where there may be more after it.
    pub fn of(mut items: Vec<Key>, end: Option<Key>, limit: i64) -> Self {
        let limit = usize::try_from(limit).unwrap_or_default();
        let full = items.len() >= limit;
        items.truncate(limit);
        let next = if full { items.last().cloned() } else { end };
        Self { items, next }
    }
}

impl<T> Scanned<T> {
    pub fn map<U>(self, read: impl FnMut(T) -> Option<U>) -> Scanned<U> {
        Scanned { items: self.items.into_iter().filter_map(read).collect(), next: self.next }
    }
}

/// How many rows a call looks at.
pub fn budget(narrowed: bool, limit: i64) -> i64 {
    if narrowed { BUDGET } else { limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_after_what_it_holds_or_after_what_was_looked_at() {
        let key = |name: &str| (name.to_owned(), Uuid::nil());
        let page = Scanned::of(vec![key("a"), key("b"), key("c")], Some(key("z")), 2);
        assert_eq!((page.items, page.next), (vec![key("a"), key("b")], Some(key("b"))));
        let short = Scanned::of(vec![key("a")], Some(key("z")), 2);
        assert_eq!((short.items, short.next), (vec![key("a")], Some(key("z"))));
        let last = Scanned::of(vec![key("a")], None, 2);
        assert_eq!((last.items, last.next), (vec![key("a")], None));
    }
}
