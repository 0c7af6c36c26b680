//! What looks like a secret: names of files, and what is in them.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

/// Files that are secrets whatever is in them: name, or its ending behind `*`.
const NAMES: [&str; 12] = [
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_ecdsa_sk",
    "id_ed25519_sk",
    ".git-credentials",
    ".pgpass",
    "kubeconfig",
    ".vault-token",
    "*.p12",
    "*.pfx",
];

/// Files that are secrets when one of these texts is in them.
const NAMES_WITH_TEXT: [(&str, &[&str]); 6] = [
    (".npmrc", &["_authToken", "_auth", "_password"]),
    (".pypirc", &["password"]),
    (".netrc", &["password"]),
    ("_netrc", &["password"]),
    (".aws/credentials", &["aws_secret_access_key", "aws_session_token"]),
    (".docker/config.json", &["\"auth\"", "\"identitytoken\""]),
];

/// Endings of `.env` files that show what is to be in one.
const MODELS: [&str; 8] =
    ["example", "sample", "template", "dist", "defaults", "default", "schema", "tpl"];

/// Folders of which nobody takes the keys for real.
const PLAY: [&str; 12] = [
    "test",
    "tests",
    "testdata",
    "__tests__",
    "spec",
    "fixtures",
    "example",
    "examples",
    "node_modules",
    "vendor",
    "site-packages",
    "docs",
];

/// Tokens: what they are, how they begin, and how many characters follow. The beginnings are those that the makers document for
/// secret scanning: GitHub's "supported secret scanning patterns", GitLab's "token prefixes", AWS's "IAM identifiers".
const TOKENS: [(&str, &str, Range<usize>); 9] = [
    ("an access key of AWS", "AKIA", 16..17),
    ("a token of GitHub", "ghp_", 36..37),
    ("a token of GitHub", "github_pat_", 60..100),
    ("a token of GitLab", "glpat-", 20..60),
    ("a token of Slack", "xoxb-", 20..80),
    ("a token of Slack", "xoxp-", 20..80),
    ("a key of Stripe", "sk_live_", 24..120),
    ("a key of Google", "AIza", 35..36),
    ("a token of npm", "npm_", 36..37),
];

/// What looks for the beginning of each of them.
static FINDERS: LazyLock<Vec<Finder<'_>>> =
    LazyLock::new(|| TOKENS.iter().map(|(_, start, _)| Finder::new(*start)).collect());

/// How the first line of a private key ends (RFC 7468).
const END_OF_KEY_LINE: &[u8] = b" PRIVATE KEY-----\n";

/// What makes a file a secret by its path alone; `text` gives the begin of it.
pub(crate) fn by_name(path: &str, text: impl FnOnce() -> Option<Vec<u8>>) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or_default();
    if is_play(path) {
        return None;
    }
    let is = |pattern: &&str| match pattern.strip_prefix('*') {
        Some(ending) => name.len() > ending.len() && name.ends_with(ending),
        None => name == *pattern,
    };
    let is_environment = match name.strip_prefix(".env") {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix('.')
            .is_some_and(|rest| !rest.split(['.', '-']).any(|part| MODELS.contains(&part))),
        None => false,
    };
    if is_environment {
        return Some("a file of that name holds passwords more often than not");
    }
    if NAMES.iter().any(is) || path == ".kube/config" || path.ends_with("/.kube/config") {
        return Some("a file of that name is a key or a login");
    }
    let is_at = |end: &str| path == end || path.strip_suffix(end).is_some_and(|p| p.ends_with('/'));
    let (_, texts) = NAMES_WITH_TEXT.iter().find(|(end, _)| is_at(end))?;
    let text = text()?;
    let has = |wanted: &&str| memchr::memmem::find(&text, wanted.as_bytes()).is_some();
    texts.iter().any(has).then_some("there is a login in it")
}

/// True if nobody takes what is in such a file for real.
pub(crate) fn is_play(path: &str) -> bool {
    path.split('/').any(|part| PLAY.contains(&part))
}

/// What secret is in a text that begins like this, if one is.
pub fn secret_in(head: &[u8]) -> Option<&'static str> {
    secrets_in(head).first().map(|(what, _)| *what)
}

/// The secrets in a text, and where they are: private keys first.
pub(crate) fn secrets_in(text: &[u8]) -> Vec<(&'static str, Range<usize>)> {
    let private = memchr::memmem::find_iter(text, END_OF_KEY_LINE).filter_map(|at| {
        let before = text.get(..at)?.rsplit(|byte| *byte == b'\n').next()?;
        let line = at - before.len()..at + END_OF_KEY_LINE.len() - 1;
        before.starts_with(b"-----BEGIN").then_some(("a private key", line))
    });
    let tokens = TOKENS.iter().zip(FINDERS.iter()).flat_map(|((what, start, length), finder)| {
        let places = finder.find_iter(text);
        places.filter_map(move |at| {
            let range = at..token_end(text, at, start, length)?;
            Some((*what, range))
        })
    });
    private.chain(tokens).collect()
}

/// Where the token ends that seems to begin there, if it is one.
fn token_end(text: &[u8], at: usize, start: &str, length: &Range<usize>) -> Option<usize> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
    let before = at.checked_sub(1).and_then(|at| text.get(at));
    let behind = text.get(at + start.len()..).unwrap_or_default();
    let own = behind.iter().take_while(|byte| is_part(byte)).count();
    let token = behind.get(..own).unwrap_or_default();
    let is_one = !before.is_some_and(is_part) && length.contains(&own) && is_random(token);
    is_one.then_some(at + start.len() + own)
}

/// True unless it is a word that stands for a token, such as `XXXXXXXXXXXXXXXX` or `EXAMPLE`.
fn is_random(token: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in token {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    let different = seen.iter().filter(|seen| **seen).count();
    different >= 8 && memchr::memmem::find(&token.to_ascii_uppercase(), b"EXAMPLE").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_in_a_file() {
        for (path, text, is_secret) in [
            (".env", "", true),
            ("a/.env.production", "", true),
            (".env.example", "", false),
            (".env.local.sample", "", false),
            (".environment", "", false),
            ("home/.ssh/id_ed25519", "", true),
            ("home/.ssh/id_ed25519.pub", "", false),
            (".npmrc", "registry=https://example.com\n", false),
            (".npmrc", "//example.com/:_authToken=x\n", true),
            ("x/.aws/credentials", "aws_secret_access_key = x", true),
            ("aws/credentials", "aws_secret_access_key = x", false),
            ("keystore.p12", "", true),
            ("tests/keystore.p12", "", false),
        ] {
            let found = by_name(path, || Some(text.into()));
            assert_eq!(found.is_some(), is_secret, "{path}");
        }
    }

    #[test]
    fn keys_and_tokens_are_found_in_texts() {
        // Put together, so that nobody takes them for real.
        let key = ["-----BEGIN RSA PRIV", "ATE KEY-----\nMIIE\n"].concat();
        let github = ["token: gh", "p_", "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5\n"].concat();
        let aws = ["AKI", "A", "QRSTUVWXYZ234567"].concat();
        for (text, what) in [
            (key.as_str(), Some("a private key")),
            (&github, Some("a token of GitHub")),
            (&aws, Some("an access key of AWS")),
            ("AKIAIOSFODNN7EXAMPLE", None),
            ("ghp_XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", None),
            ("-----BEGIN CERTIFICATE-----\n", None),
            ("if line.ends_with(\" PRIVATE KEY-----\\n\")", None),
        ] {
            assert_eq!(secret_in(text.as_bytes()), what, "{text}");
        }
    }
}
