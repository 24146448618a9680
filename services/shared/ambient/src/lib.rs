//! Clock and randomness as a parameter.
//!
//! No other crate asks the system for the time or for random bytes (`.clippy.toml` bans it), and no
//! SQL says `now()`: a test moves the clock by hand, several processes share one clock through a
//! file, and nothing waits.

#![expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

/// The clock and the source of randomness of one process. Cheap to clone; clones share both.
#[derive(Debug, Clone)]
pub struct Ambient {
    clock: Clock,
    random: Arc<Mutex<StdRng>>,
}

/// Tells the time in whole microseconds, PostgreSQL's resolution, so that what is stored equals what was meant.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's clock.
    System,
    /// Stands still until a test moves it.
    Manual(Arc<AtomicI64>),
    /// Eight bytes in a file (microseconds since 1970, little endian) that test processes share.
    File(Arc<File>),
}

impl Ambient {
    /// The system's clock and randomness.
    pub fn system() -> Self {
        Self::new(Clock::System)
    }

    /// Any clock with the system's randomness.
    pub fn new(clock: Clock) -> Self {
        Self { clock, random: Arc::new(Mutex::new(rand::make_rng())) }
    }

    /// A clock that stands at `start`, and randomness that repeats: for tests in one process.
    pub fn manual(start: DateTime<Utc>, seed: u64) -> Self {
        let clock = Clock::Manual(Arc::new(AtomicI64::new(start.timestamp_micros())));
        Self { clock, random: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))) }
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A new id: a UUIDv7 of the clock's time.
    pub fn id(&self) -> Uuid {
        self.id_at(self.now())
    }

    /// A new id of a given time, for what happened then.
    pub fn id_at(&self, at: DateTime<Utc>) -> Uuid {
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }

    /// Fresh random bytes, such as a key or a mark.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.lock().unwrap_or_else(PoisonError::into_inner).fill(&mut bytes);
        bytes
    }

    /// A random number in `0.0..1.0`, for jitter.
    pub fn fraction(&self) -> f64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).random()
    }
}

impl Clock {
    /// A clock that processes share. The file is made, standing at `start`, when it is not there.
    pub fn shared(path: &Path, start: DateTime<Utc>) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let clock = Self::File(Arc::new(file));
        if let Self::File(file) = &clock
            && file.metadata()?.len() < 8
        {
            file.write_all_at(&start.timestamp_micros().to_le_bytes(), 0)?;
        }
        Ok(clock)
    }

    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::System => Utc::now().trunc_subsecs(6),
            Self::Manual(micros) => from_micros(micros.load(Ordering::SeqCst)),
            Self::File(file) => {
                let mut bytes = [0; 8];
                // The file was open and eight bytes long when the clock was made; a test that cuts it
                // off gets the epoch, which no assertion expects.
                let _ = file.read_exact_at(&mut bytes, 0);
                from_micros(i64::from_le_bytes(bytes))
            }
        }
    }

    /// Moves a test's clock on. The system's clock stays as it is.
    pub fn advance(&self, by: TimeDelta) {
        let by = by.num_microseconds().unwrap_or(0);
        match self {
            Self::System => {}
            Self::Manual(micros) => {
                micros.fetch_add(by, Ordering::SeqCst);
            }
            Self::File(file) => {
                let now = self.now().timestamp_micros().saturating_add(by);
                let _ = file.write_all_at(&now.to_le_bytes(), 0);
            }
        }
    }
}

fn from_micros(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_700_000_000_000).unwrap()
    }

    #[test]
    fn a_manual_clock_stands_until_moved() {
        let ambient = Ambient::manual(noon(), 1);
        assert_eq!(ambient.now(), noon());
        ambient.clock().advance(TimeDelta::seconds(90));
        assert_eq!(ambient.now(), noon() + TimeDelta::seconds(90));
    }

    #[test]
    fn two_processes_read_one_clock_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clock");
        let one = Clock::shared(&path, noon()).unwrap();
        let two = Clock::shared(&path, DateTime::default()).unwrap();
        one.advance(TimeDelta::hours(1));
        assert_eq!(two.now(), noon() + TimeDelta::hours(1));
    }

    #[test]
    fn ids_are_version_7_of_the_clocks_time_and_repeat_with_the_seed() {
        let (one, two) = (Ambient::manual(noon(), 7), Ambient::manual(noon(), 7));
        let id = one.id();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id, two.id());
        assert_ne!(id, one.id());
        assert_eq!(id.get_timestamp().unwrap().to_unix().0, 1_700_000_000);
    }
}
