use std::sync::Mutex as StdMutex;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tandem_fault::Reason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::testing::{KeyFile, ambient, key, spec};
use crate::{AccessConfig, Verifier, key_set_json};

/// An issuer on loopback that answers what a test tells it to.
struct Issuer {
    url: String,
    answer: Arc<StdMutex<(u16, String)>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    async fn start(status: u16, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let issuer =
            Self { url, answer: Arc::new(StdMutex::new((status, body.to_owned()))), asked: Arc::default() };
        let (answer, asked) = (Arc::clone(&issuer.answer), Arc::clone(&issuer.asked));
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await.unwrap();
                asked.fetch_add(1, Ordering::SeqCst);
                let (status, body) = answer.lock().unwrap().clone();
                let head =
                    format!("HTTP/1.1 {status} x\r\nlocation: /other\r\ncontent-length: {}\r\n", body.len());
                stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).await.unwrap();
            }
        });
        issuer
    }

    fn answers(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn verifier(&self, ambient: &Ambient) -> Verifier {
        let keys = KeySource::Url(self.url.clone());
        Verifier::new(AccessConfig { keys, cache_s: 0, ..AccessConfig::default() }, ambient.clone()).unwrap()
    }
}

async fn reason(verifier: &Verifier, token: &str) -> Option<Reason> {
    verifier.verify(token).await.err().map(|fault| fault.reason)
}

fn wait(ambient: &Ambient, seconds: i64) {
    ambient.clock().advance(TimeDelta::seconds(seconds));
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changes() {
    let (ambient, file) = (ambient(), KeyFile::new(&key(1).jwks_json()));
    let verifier = Verifier::new(AccessConfig { cache_s: 0, ..file.config() }, ambient.clone()).unwrap();
    let (old, new) = (key(1).mint(&spec(), ambient.now()), key(2).mint(&spec(), ambient.now()));
    assert_eq!(reason(&verifier, &old).await, None);
    assert_eq!(reason(&verifier, &new).await, Some(Reason::TokenInvalid));

    // An unknown key is looked for at once, but not more than once a second.
    file.write(&key_set_json([&key(1), &key(2)]));
    assert_eq!(reason(&verifier, &new).await, Some(Reason::TokenInvalid));
    wait(&ambient, 1);
    assert_eq!(reason(&verifier, &new).await, None);
    assert_eq!(reason(&verifier, &old).await, None);

    // A key that has gone is noticed within five seconds.
    file.write(&key(2).jwks_json());
    wait(&ambient, 4);
    assert_eq!(reason(&verifier, &old).await, None);
    wait(&ambient, 1);
    assert_eq!(reason(&verifier, &old).await, Some(Reason::TokenInvalid));
    assert_eq!(reason(&verifier, &new).await, None);
}

#[tokio::test]
async fn the_last_good_file_stays_when_the_next_is_bad() {
    let (ambient, file) = (ambient(), KeyFile::new(&key(1).jwks_json()));
    let verifier = Verifier::new(AccessConfig { cache_s: 0, ..file.config() }, ambient.clone()).unwrap();
    let (old, new) = (key(1).mint(&spec(), ambient.now()), key(2).mint(&spec(), ambient.now()));
    for bad in ["", "{", r#"{ "keys": [] }"#, r#"{ "keys": [{ "kid": "a" }] }"#] {
        file.write(bad);
        wait(&ambient, 6);
        assert_eq!(reason(&verifier, &old).await, None, "{bad}");
        assert_eq!(reason(&verifier, &new).await, Some(Reason::TokenInvalid), "{bad}");
    }
    file.remove();
    wait(&ambient, 6);
    assert_eq!(reason(&verifier, &old).await, None);
    file.write(&key(2).jwks_json());
    wait(&ambient, 6);
    assert_eq!(reason(&verifier, &old).await, Some(Reason::TokenInvalid));
    assert_eq!(reason(&verifier, &new).await, None);
}

#[test]
fn a_bad_file_stops_the_start_and_is_named() {
    let file = KeyFile::new("{}");
    let error = Verifier::new(file.config(), ambient()).unwrap_err();
    assert!(error.to_string().starts_with("access.keys: ") && error.problem.contains("jwks.json"), "{error}");
    file.remove();
    assert_eq!(Verifier::new(file.config(), ambient()).unwrap_err().setting, "keys");
}

#[tokio::test]
async fn an_issuer_that_is_down_is_asked_again() {
    let ambient = ambient();
    let issuer = Issuer::start(503, "").await;
    let verifier = issuer.verifier(&ambient);
    let token = key(1).mint(&spec(), ambient.now());
    assert_eq!(reason(&verifier, &token).await, Some(Reason::DependencyUnavailable));
    assert_eq!(issuer.asked(), 1);
    for (status, body) in [(200, String::new()), (302, key(1).jwks_json()), (200, " ".repeat(2_000_000))] {
        issuer.answers(status, &body);
        wait(&ambient, 1);
        assert_eq!(reason(&verifier, &token).await, Some(Reason::DependencyUnavailable), "{status}");
    }
    issuer.answers(200, &key(1).jwks_json());
    wait(&ambient, 1);
    assert_eq!(reason(&verifier, &token).await, None);
}

#[tokio::test]
async fn an_unknown_key_is_fetched_at_a_limited_rate() {
    let ambient = ambient();
    let issuer = Issuer::start(200, &key(1).jwks_json()).await;
    let verifier = issuer.verifier(&ambient);
    let (old, new) = (key(1).mint(&spec(), ambient.now()), key(2).mint(&spec(), ambient.now()));
    assert_eq!(reason(&verifier, &old).await, None);
    assert_eq!(issuer.asked(), 1);
    issuer.answers(200, &key_set_json([&key(1), &key(2)]));
    for _ in 0..20 {
        assert_eq!(reason(&verifier, &new).await, Some(Reason::TokenInvalid));
    }
    assert_eq!(issuer.asked(), 1);
    wait(&ambient, 10);
    assert_eq!(reason(&verifier, &new).await, None);
    assert_eq!(reason(&verifier, &old).await, None);
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn callers_who_come_together_share_one_fetch() {
    let ambient = ambient();
    let issuer = Issuer::start(200, &key(1).jwks_json()).await;
    let verifier = issuer.verifier(&ambient);
    let token = key(1).mint(&spec(), ambient.now());
    let (one, two, three) =
        tokio::join!(verifier.verify(&token), verifier.verify(&token), verifier.verify(&token));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_url_is_fetched_every_ten_minutes_beside_the_calls() {
    let ambient = ambient();
    let issuer = Issuer::start(200, &key(1).jwks_json()).await;
    let verifier = issuer.verifier(&ambient);
    let lasting = crate::TokenSpec { ttl_s: u32::MAX, ..spec() };
    let token = key(1).mint(&lasting, ambient.now());
    assert_eq!(reason(&verifier, &token).await, None);

    // While the issuer fails the last set stays.
    issuer.answers(500, "");
    wait(&ambient, 600);
    assert_eq!(reason(&verifier, &token).await, None);
    let asked_again = async {
        while issuer.asked() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), asked_again).await.unwrap();
    assert_eq!(reason(&verifier, &token).await, None);

    issuer.answers(200, &key(2).jwks_json());
    let refused = async {
        while reason(&verifier, &token).await.is_none() {
            wait(&ambient, 1);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused).await.unwrap();
    assert_eq!(reason(&verifier, &token).await, Some(Reason::TokenInvalid));
}
