use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use tandem_proto::customer::v1::import_result::Outcome;
use tandem_proto::customer::v1::{ImportEffect, ImportResult};

/// What became of the records of a file.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Nothing was written.
    pub dry_run: bool,
    pub records: usize,
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub refused: usize,
    /// Fields in which people said something else than the file.
    pub kept_fields: usize,
    pub seconds: f64,
    /// Where the refused lines are told.
    pub errors: Option<PathBuf>,
}

impl Report {
    /// Counts a record; answers what is wrong with it, by field.
    pub fn add(&mut self, result: ImportResult) -> Vec<(String, String)> {
        self.records += 1;
        match result.outcome {
            Some(Outcome::Imported(imported)) => {
                self.kept_fields += imported.kept_fields.len();
                match imported.effect() {
                    ImportEffect::Created => self.created += 1,
                    ImportEffect::Updated => self.updated += 1,
                    _ => self.unchanged += 1,
                }
                Vec::new()
            }
            Some(Outcome::Refused(refused)) => {
                self.refused += 1;
                let wrong = refused.violations.into_iter().map(|one| (one.field, one.description));
                let wrong: Vec<_> = wrong.collect();
                if wrong.is_empty() { vec![(String::new(), refused.message)] } else { wrong }
            }
            None => {
                self.refused += 1;
                vec![(String::new(), "the service said nothing of it".to_owned())]
            }
        }
    }

    /// Counts a line that is no record.
    pub fn refuse(&mut self) {
        self.records += 1;
        self.refused += 1;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dry_run {
            writeln!(f, "nothing was written; this would become of the file:")?;
        }
        for (name, count) in [
            ("records", self.records),
            ("created", self.created),
            ("updated", self.updated),
            ("unchanged", self.unchanged),
            ("refused", self.refused),
        ] {
            writeln!(f, "{name:<20}{count:>12}")?;
        }
        if self.kept_fields > 0 {
            writeln!(
                f,
                "{:<20}{:>12}  (people said something else, which stands)",
                "fields kept", self.kept_fields
            )?;
        }
        write!(f, "{:<20}{:>12.1}", "seconds", self.seconds)
    }
}

/// The lines that are refused, a row each wrong field; made with the first.
pub struct Errors {
    path: PathBuf,
    writer: Option<csv::Writer<File>>,
}

impl Errors {
    /// What an import before wrote there is gone.
    pub fn at(path: &Path) -> Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot write {}", path.display()))
            }
            _ => Ok(Self { path: path.to_owned(), writer: None }),
        }
    }

    pub fn add(&mut self, line: u64, external_id: &str, wrong: &[(String, String)]) -> Result<()> {
        if wrong.is_empty() {
            return Ok(());
        }
        let context = || format!("cannot write {}", self.path.display());
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let mut writer = csv::Writer::from_path(&self.path).with_context(context)?;
                writer.write_record(["line", "external_id", "field", "problem"]).with_context(context)?;
                self.writer.insert(writer)
            }
        };
        for (field, problem) in wrong {
            let row = [line.to_string().as_str(), external_id, field, problem].map(str::to_owned);
            writer.write_record(row).with_context(context)?;
        }
        Ok(())
    }

    /// The file, if there was something to write.
    pub fn finish(mut self) -> Result<Option<PathBuf>> {
        let Some(writer) = &mut self.writer else { return Ok(None) };
        writer.flush().with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(Some(self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_errors_is_there_when_there_are_some() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("errors.csv");
        let mut errors = Errors::at(&path).unwrap();
        errors.add(3, "c-1", &[("phones[0]".to_owned(), "must be, well".to_owned())]).unwrap();
        errors.add(4, "c-2", &[]).unwrap();
        assert_eq!(errors.finish().unwrap(), Some(path.clone()));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "line,external_id,field,problem\n3,c-1,phones[0],\"must be, well\"\n");
        assert_eq!(Errors::at(&path).unwrap().finish().unwrap(), None);
        assert!(!path.exists());
    }
}
