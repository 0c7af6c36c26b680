//! Who may see which credentials of a repository.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Remote;
use crate::{Error, Secrets};

/// One token is good for all repositories of these hosts, as CI systems give it.
const SHARED: [&str; 2] = ["https://github.com/", "https://www.github.com/"];

/// Settings that have `git` log in at `remote`.
///
/// `git` would take a header along to wherever a server sends it, so with one nothing is followed.
pub(super) fn settings(
    remote: &Remote,
    is_root: bool,
    secrets: &Secrets,
) -> Result<Vec<(String, String)>, Error> {
    let Some(value) = authorization(remote, is_root, secrets)? else { return Ok(Vec::new()) };
    let scope = scope(remote);
    Ok(vec![
        (format!("http.{scope}.extraHeader"), format!("Authorization: {value}")),
        ("http.followRedirects".to_owned(), "false".to_owned()),
    ])
}

/// The value of `Authorization` for `remote`: by the secret for its host, by the one for the
/// repository that the build itself names (`is_root`), or by the login in its address.
pub(super) fn authorization(
    remote: &Remote,
    is_root: bool,
    secrets: &Secrets,
) -> Result<Option<String>, Error> {
    let Some(host) = remote.http_host() else { return Ok(None) };
    let general = is_root || SHARED.contains(&scope(remote).as_str());
    let mut ids = vec![format!(".{host}")];
    ids.extend(general.then(String::new));
    for suffix in ids {
        if let Some(value) = secrets.field(&format!("GIT_AUTH_HEADER{suffix}"))? {
            return Ok(Some(value));
        }
        if let Some(token) = secrets.field(&format!("GIT_AUTH_TOKEN{suffix}"))? {
            return Ok(Some(basic("x-access-token", &token)));
        }
    }
    Ok(remote.login().map(|(user, password)| basic(user, password)))
}

/// The addresses that a header is good for.
fn scope(remote: &Remote) -> String {
    let address = remote.argument();
    match SHARED.iter().find(|shared| address.starts_with(**shared)) {
        Some(shared) => (*shared).to_owned(),
        None => address,
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GitReference;

    fn found(address: &str, is_root: bool, given: &[&str]) -> Vec<(String, String)> {
        let mut secrets = Secrets::default();
        for id in given {
            secrets.insert((*id).to_owned(), format!("{id}\n").into_bytes());
        }
        let reference = GitReference::parse(address).unwrap().unwrap();
        settings(&reference.remote, is_root, &secrets).unwrap()
    }

    #[test]
    fn the_nearest_secret_is_taken() {
        let address = "https://me:pw@h:8443/x.git";
        let token = |id: &str| basic("x-access-token", id);
        let all = ["GIT_AUTH_TOKEN.h:8443", "GIT_AUTH_TOKEN", "GIT_AUTH_HEADER"];
        for (is_root, given, value) in [
            (true, &all[..], token("GIT_AUTH_TOKEN.h:8443")),
            (true, &all[1..], "GIT_AUTH_HEADER".to_owned()),
            (true, &all[1..2], token("GIT_AUTH_TOKEN")),
            (false, &all[1..], "Basic bWU6cHc=".to_owned()),
            (true, &["GIT_AUTH_TOKEN.h"], "Basic bWU6cHc=".to_owned()),
        ] {
            let expected = [
                (
                    "http.https://h:8443/x.git.extraHeader".to_owned(),
                    format!("Authorization: {value}"),
                ),
                ("http.followRedirects".to_owned(), "false".to_owned()),
            ];
            assert_eq!(found(address, is_root, given), expected);
        }
        for other in ["git@h:x", "git://h/x", "https://h/x.git"] {
            assert_eq!(found(other, false, &all), [], "{other}");
        }
    }

    #[test]
    fn a_token_for_github_is_good_for_its_submodules() {
        for is_root in [true, false] {
            let found = found("https://github.com/a/b.git", is_root, &["GIT_AUTH_TOKEN"]);
            assert_eq!(found[0].0, "http.https://github.com/.extraHeader");
        }
    }
}
