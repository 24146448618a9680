pub mod resolve;
pub mod transfer;
