use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Fine,
    Wrong,
    /// Nothing is known of it.
    Skipped,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub state: State,
    name: String,
    detail: String,
    /// What to do about it.
    advice: &'static str,
}

impl Finding {
    pub fn fine(name: &str, detail: impl Into<String>) -> Self {
        Self { state: State::Fine, name: name.to_owned(), detail: detail.into(), advice: "" }
    }

    pub fn wrong(name: &str, detail: impl Into<String>, advice: &'static str) -> Self {
        Self { state: State::Wrong, name: name.to_owned(), detail: detail.into(), advice }
    }

    pub fn skipped(name: &str, detail: impl Into<String>) -> Self {
        Self { state: State::Skipped, name: name.to_owned(), detail: detail.into(), advice: "" }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Fine => "ok",
            State::Wrong => "WRONG",
            State::Skipped => "skipped",
        };
        write!(f, "{state:<8}{:<28}{}", self.name, self.detail)?;
        if !self.advice.is_empty() {
            write!(f, "\n{:<36}→ {}", "", self.advice)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_comes_with_what_to_do() {
        let finding = Finding::wrong("search database", "does not answer", "start it");
        let text = finding.to_string();
        assert_eq!(text.lines().count(), 2);
        assert!(text.starts_with("WRONG   search database ") && text.ends_with("→ start it"), "{text}");
        assert_eq!(Finding::fine("x", "y").to_string().lines().count(), 1);
    }
}
