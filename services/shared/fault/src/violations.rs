use crate::{Fault, Reason};

/// One wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path as in the proto, such as `items[3].text`.
    pub field: String,
    /// What it must be, for people.
    pub description: String,
}

/// Collects every wrong field of a request, so that a caller mends them in one go.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation { field: field.into(), description: description.into() });
    }

    /// Adds a violation where `ok` is false; answers `ok`.
    pub fn check(&mut self, ok: bool, field: &str, description: &str) -> bool {
        if !ok {
            self.add(field, description);
        }
        ok
    }

    /// Takes the value of a parse, or notes why it failed.
    pub fn take<T>(&mut self, field: &str, parsed: Result<T, impl std::fmt::Display>) -> Option<T> {
        parsed.map_err(|error| self.add(field, error.to_string())).ok()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes over what a nested message found, under its path.
    pub fn nest(&mut self, prefix: &str, inner: Violations) {
        self.0.extend(inner.0.into_iter().map(|violation| Violation {
            field: format!("{prefix}.{}", violation.field),
            description: violation.description,
        }));
    }

    /// `Ok` when nothing was found wrong.
    pub fn finish(self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(self.into_fault()) }
    }

    pub fn into_fault(self) -> Fault {
        let mut fault = Fault::new(Reason::InvalidFields, "the request has invalid fields");
        fault.violations = self.0;
        fault
    }
}
