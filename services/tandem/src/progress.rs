//! How far long work is: a bar on standard error when that is a terminal, nothing otherwise.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar for one piece of work after the other.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = "{msg:<12} {wide_bar} {pos}/{len}  {per_sec}  {eta}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// Shows nothing, for tests.
    pub fn hidden() -> Self {
        Self { bar: ProgressBar::hidden() }
    }

    pub fn begin(&self, what: &'static str, length: usize) {
        self.bar.reset();
        self.bar.set_message(what);
        self.bar.set_length(length as u64);
        self.bar.enable_steady_tick(Duration::from_millis(200));
    }

    pub fn add(&self, done: usize) {
        self.bar.inc(done as u64);
    }

    /// A line above the bar, or on standard error when there is none.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    pub fn end(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}
