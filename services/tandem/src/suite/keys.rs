use std::path::PathBuf;

use anyhow::{Context, Result};
use tandem_access::SigningKey;
use tandem_ambient::Ambient;

use crate::connection::Minter;
use crate::folder::{DataFolder, random_secret, write_secret};

const ISSUER: &str = "tandem-up";
const AUDIENCE: &str = "tandem";

/// The keys of one data folder, made when it is used for the first time.
#[derive(Debug)]
pub struct Keys {
    pub minter: Minter,
    /// What the services verify tokens with.
    pub key_set: PathBuf,
    /// Signs page and change tokens.
    pub token_key: String,
}

impl Keys {
    pub fn load(data: &DataFolder, ambient: &Ambient) -> Result<Self> {
        let pem = data.secret("keys/signing-key.pem", || SigningKey::generate(ambient).to_pkcs8_pem())?;
        let key = SigningKey::from_pem(&pem).with_context(|| data.signing_key().display().to_string())?;
        let key_set = data.key_set();
        write_secret(&key_set, &key.jwks_json())?;
        let token_key = data.secret("keys/token-key", || random_secret(ambient))?;
        let minter = Minter { key, issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() };
        Ok(Self { minter, key_set, token_key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_start_has_the_same_keys() {
        let scratch = tempfile::tempdir().unwrap();
        let data = DataFolder::create(scratch.path()).unwrap();
        data.folder("keys", 0o700).unwrap();
        let ambient = Ambient::system();
        let (one, two) = (Keys::load(&data, &ambient).unwrap(), Keys::load(&data, &ambient).unwrap());
        assert_eq!((one.minter.key.kid(), &one.token_key), (two.minter.key.kid(), &two.token_key));
        assert!(std::fs::read_to_string(one.key_set).unwrap().contains(one.minter.key.kid()));
    }
}
