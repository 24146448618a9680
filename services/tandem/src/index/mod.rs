//! The search indexes: built anew ([`reindex`]), compared with the databases ([`verify_index`]), opened by a key
//! ([`search_key`]).

mod database;
pub mod reindex;
pub mod search_key;
pub mod verify_index;
