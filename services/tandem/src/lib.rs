//! The `tandem` command.
//!
//! A module a subcommand ([`up`], [`call`], [`sample`], [`replay`], [`import`], [`migrate`], [`token`], [`doctor`], and those of
//! [`index`]), and what they share: [`suite`] runs everything in one process, [`connection`] is how a running suite
//! is described, [`gateway`] is the public API, [`directory`] sets a tenant up. To add a subcommand, give it a module with its
//! `Args` and `run`, and a line in `cli.rs`.

pub mod call;
mod cli;
pub mod connection;
mod databases;
mod dev_search;
pub mod directory;
pub mod doctor;
pub mod exit;
pub mod folder;
pub mod gateway;
mod health;
pub mod import;
pub mod index;
pub mod migrate;
mod policy;
mod postgres;
pub mod progress;
pub mod replay;
pub mod sample;
pub mod suite;
pub mod token;
pub mod up;

pub use cli::main;
