//! A token server (distribution, token specification) whose tokens docker-registry accepts.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use tempfile::TempDir;

use super::server::{Asked, Reply, Server};

/// Signs tokens; its certificate is for the registry.
pub(crate) struct Signer {
    folder: TempDir,
}

impl Signer {
    pub(crate) fn new() -> Self {
        let signer = Self { folder: tempfile::tempdir().unwrap() };
        let key = signer.folder.path().join("key.pem");
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-subj",
                "/CN=tokens",
                "-keyout",
            ])
            .arg(key)
            .arg("-out")
            .arg(signer.certificate())
            .stderr(Stdio::null())
            .status()
            .expect("openssl is missing: apt-get install -y openssl");
        assert!(made.success());
        signer
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// A token for everything that the scopes of a query ask for.
    fn token(&self, asked: &Asked) -> String {
        let certificate = std::fs::read_to_string(self.certificate()).unwrap();
        let lines = certificate.lines().filter(|line| !line.starts_with("-----"));
        let header = serde_json::json!({
            "typ": "JWT", "alg": "RS256", "x5c": [lines.collect::<String>()]
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let payload = serde_json::json!({
            "iss": "tokens", "sub": "me", "aud": "registry", "jti": "1", "iat": now,
            "nbf": now - 60, "exp": now + 300, "access": access(&asked.path),
        });
        let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
        let text = format!("{}.{}", encode(header.to_string()), encode(payload.to_string()));
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(self.sign(&text)))
    }

    fn sign(&self, text: &str) -> Vec<u8> {
        let mut signing = Command::new("openssl")
            .args(["dgst", "-sha256", "-sign"])
            .arg(self.folder.path().join("key.pem"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        signing.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        signing.wait_with_output().unwrap().stdout
    }

    /// Gives tokens to `me` with the password `sec ret:1`, and to nobody else.
    pub(crate) fn serve(self) -> Server {
        let expected = format!("Basic {}", STANDARD.encode("me:sec ret:1"));
        Server::start(move |asked, _| {
            if asked.authorization() != Some(expected.as_str()) {
                return Some(Reply::new(401, r#"{"details":"incorrect username or password"}"#));
            }
            Some(Reply::ok(format!(r#"{{"token":"{}","expires_in":300}}"#, self.token(asked))))
        })
    }
}

/// `scope=repository:a/b:pull,push` as the claim `access`.
fn access(query: &str) -> serde_json::Value {
    let scopes = query.split(['?', '&']).filter_map(|pair| pair.strip_prefix("scope="));
    let claims = scopes.map(|scope| {
        let scope = scope.replace("%3A", ":").replace("%2F", "/").replace("%2C", ",");
        let parts: Vec<&str> = scope.split(':').collect();
        let actions: Vec<&str> = parts[2].split(',').collect();
        serde_json::json!({"type": parts[0], "name": parts[1], "actions": actions})
    });
    claims.collect()
}
