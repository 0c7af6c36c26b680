//! `lap login` and `lap logout`.

use std::io::{self, Read as _};
use std::path::PathBuf;

use lapstrake_registry::{Client, Credentials};

use crate::args::{Login, Logout};
use crate::environment::variable;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{credentials, output, paths, session, terminal};

const HUB: &str = "docker.io";
/// Other names of Docker Hub.
const HUB_NAMES: [&str; 3] = ["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];
/// More than any token has.
const MAX_PASSWORD: u64 = 64 * 1024;

/// Shows a name and password to a registry and keeps them when it takes them.
pub(crate) fn log_in(login: &Login) -> Result<Exit, Failure> {
    let registry = registry_name(login.registry.as_deref());
    let path = config_file()?;
    let client = Client::new(session::registries()?).map_err(|error| Failure::of(&error))?;
    if login.username.is_none()
        && login.password.is_none()
        && let Some(known) = credentials::stored(&path, &registry)?
    {
        output::stdout("Authenticating with existing credentials...\n")?;
        match client.log_in(&registry, known) {
            Ok(_) => return succeeded(),
            Err(error) => output::stderr(&Failure::of(&error).text()),
        }
    }
    let asked = asked(login)?;
    let checked = client.log_in(&registry, asked).map_err(|error| Failure::of(&error))?;
    if let Some(file) = credentials::store(&path, &registry, &checked)? {
        output::stderr(&format!(
            "warning: the credentials are stored unencrypted in {}; a credential helper (credsStore \
             in that file) would keep them safe\n",
            file.display()
        ));
    }
    succeeded()
}

/// Forgets who the user is to a registry.
pub(crate) fn log_out(logout: &Logout) -> Result<Exit, Failure> {
    let registry = registry_name(logout.registry.as_deref());
    let shown = logout.registry.as_deref().unwrap_or("https://index.docker.io/v1/");
    let text = match credentials::erase(&config_file()?, &registry)? {
        true => format!("Removing login credentials for {shown}\n"),
        false => format!("Not logged in to {shown}\n"),
    };
    output::stdout(&text)?;
    Ok(Exit::SUCCESS)
}

fn succeeded() -> Result<Exit, Failure> {
    output::stdout("Login Succeeded\n")?;
    Ok(Exit::SUCCESS)
}

fn config_file() -> Result<PathBuf, Failure> {
    paths::docker_config(&variable).ok_or_else(|| {
        Failure::new("there is no place for the credentials: neither DOCKER_CONFIG nor HOME is set")
    })
}

/// What the command line says, and for the rest what the user says.
fn asked(login: &Login) -> Result<Credentials, Failure> {
    if login.password.is_some() {
        output::stderr(
            "warning: other users of this machine may see --password, use --password-stdin\n",
        );
    }
    let username = match &login.username {
        Some(username) => username.clone(),
        None => {
            require_terminal()?;
            terminal::ask("Username: ")?
        }
    };
    if username.is_empty() || username.contains(':') {
        return Err(Failure::new("a user name has to be given, without a colon"));
    }
    let password = match &login.password {
        Some(password) => password.clone(),
        None if login.password_stdin => read_password()?,
        None => {
            require_terminal()?;
            terminal::ask_secret("Password: ")?
        }
    };
    match password.is_empty() {
        true => Err(Failure::new("a password has to be given")),
        false => Ok(Credentials::Basic { username, password }),
    }
}

fn require_terminal() -> Result<(), Failure> {
    match terminal::stdin_is_terminal() {
        true => Ok(()),
        false => Err(Failure::new("cannot ask for a name and password: no terminal")
            .help("use --username with --password-stdin")),
    }
}

/// All of standard input but the line end that `echo` writes.
fn read_password() -> Result<String, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().take(MAX_PASSWORD.saturating_add(1)).read_to_string(&mut text);
    read.map_err(|error| Failure::new("cannot read the password").because(&error))?;
    if text.len() as u64 > MAX_PASSWORD {
        return Err(Failure::new("standard input is too long for a password"));
    }
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// A registry as it is called in names, from a name or a URL.
fn registry_name(text: Option<&str>) -> String {
    let text = text.unwrap_or_default().trim();
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let rest = rest.unwrap_or(text);
    let host = rest.split('/').next().unwrap_or_default();
    match host {
        "" => HUB.to_owned(),
        host if HUB_NAMES.contains(&host) => HUB.to_owned(),
        host => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_named_as_in_images() {
        for (text, name) in [
            (None, "docker.io"),
            (Some("https://index.docker.io/v1/"), "docker.io"),
            (Some("docker.io"), "docker.io"),
            (Some("https://localhost:5000/v2/"), "localhost:5000"),
            (Some("ghcr.io/owner"), "ghcr.io"),
        ] {
            assert_eq!(registry_name(text), name);
        }
    }
}
