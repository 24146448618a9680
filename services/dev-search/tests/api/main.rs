//! The binary, driven over HTTP with the client that the search service uses.

mod harness;
mod keys;
mod restarts;
mod scripts;
mod searches;
mod writes;
