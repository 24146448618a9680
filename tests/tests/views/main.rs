//! Views: saved filters, whose they are, what they show, and what becomes of them when what they name goes.

mod kept;
mod named;
mod standard;
mod support;
