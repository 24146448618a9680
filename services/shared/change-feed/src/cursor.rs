use tandem_proto::feed::v1;

/// A place on a feed: the last change that was applied, with its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// 0 is the beginning.
    pub seq: i64,
    pub mark: i64,
}

impl From<Cursor> for v1::Cursor {
    fn from(cursor: Cursor) -> Self {
        Self { seq: cursor.seq, mark: cursor.mark.cast_unsigned() }
    }
}

impl From<v1::Cursor> for Cursor {
    fn from(cursor: v1::Cursor) -> Self {
        Self { seq: cursor.seq, mark: cursor.mark.cast_signed() }
    }
}
