//! The environment of a command.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use lapstrake_executor::DEFAULT_PATH;

use crate::args::Assignment;
use crate::bounded::{self, LIMIT};
use crate::environment::Variables;
use crate::failure::Failure;

/// A variable; without a value it is taken out.
pub(super) type Setting = (OsString, Option<OsString>);

/// Docker's defaults, the image's variables, then the settings; a later one wins.
pub(super) fn compose(
    hostname: &str,
    terminal: bool,
    image: &[String],
    settings: Vec<Setting>,
) -> Vec<(OsString, OsString)> {
    let mut variables: Vec<(OsString, OsString)> = Vec::new();
    let mut set = |name: OsString, value: Option<OsString>| {
        variables.retain(|(known, _)| *known != name);
        variables.extend(value.map(|value| (name, value)));
    };
    set("PATH".into(), Some(DEFAULT_PATH.into()));
    set("HOSTNAME".into(), Some(hostname.into()));
    if terminal {
        set("TERM".into(), Some("xterm".into()));
    }
    for text in image {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        if !name.is_empty() {
            set(name.into(), Some(value.into()));
        }
    }
    for (name, value) in settings {
        set(name, value);
    }
    variables
}

/// `-e`: without a value the host's counts, and where the host has none the variable is taken out.
pub(super) fn given(assignments: &[Assignment], host: Variables<'_>) -> Vec<Setting> {
    let setting = |assignment: &Assignment| {
        let value = assignment.value.as_ref().map(OsString::from);
        (OsString::from(&assignment.name), value.or_else(|| host(&assignment.name)))
    };
    assignments.iter().map(setting).collect()
}

/// `--env-file`.
pub(super) fn file(path: &Path, host: Variables<'_>) -> Result<Vec<Setting>, Failure> {
    let name = path.display();
    let bytes = bounded::file(path, LIMIT)
        .map_err(|error| Failure::new(format!("cannot read {name}")).because(&error))?;
    parse(&bytes, host).map_err(|(line, fault)| Failure::new(format!("{name}:{line}: {fault}")))
}

/// Docker's rules: a variable on each line, nothing is quoted, `#` begins a comment line, a name
/// alone takes the host's value or is left out.
fn parse(bytes: &[u8], host: Variables<'_>) -> Result<Vec<Setting>, (usize, &'static str)> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut settings = Vec::new();
    for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
        let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_start();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        if line.contains(&0) {
            return Err((number, "there is a NUL byte, which no variable can hold"));
        }
        let end = line.iter().position(|byte| *byte == b'=').unwrap_or(line.len());
        let (name, value) = line.split_at(end);
        if name.is_empty() {
            return Err((number, "there is no name in front of the ="));
        }
        if name.iter().any(u8::is_ascii_whitespace) {
            return Err((number, "the name has a space in it"));
        }
        let name = OsStr::from_bytes(name).to_owned();
        let value = match value.strip_prefix(b"=") {
            Some(value) => Some(OsString::from_vec(value.to_vec())),
            None => host(&name.to_string_lossy()),
        };
        settings.extend(value.map(|value| (name, Some(value))));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Option<OsString> {
        (name == "HOST").then(|| "here".into())
    }

    fn composed(terminal: bool, image: &[&str], given: &[&str]) -> Vec<String> {
        let image: Vec<String> = image.iter().map(|text| (*text).to_owned()).collect();
        let given: Vec<Assignment> = given.iter().map(|text| text.parse().unwrap()).collect();
        let variables = compose("box", terminal, &image, super::given(&given, &host));
        let text = |(name, value): (OsString, OsString)| {
            format!("{}={}", name.to_string_lossy(), value.to_string_lossy())
        };
        variables.into_iter().map(text).collect()
    }

    /// Right: what `docker run IMAGE env` shows, but for HOME, which the sandbox adds.
    #[test]
    fn variables_are_laid_over_each_other_as_with_docker() {
        let path = format!("PATH={DEFAULT_PATH}");
        let path = path.as_str();
        for (terminal, image, given, expected) in [
            (false, &[][..], &[][..], vec![path, "HOSTNAME=box"]),
            (true, &[], &[], vec![path, "HOSTNAME=box", "TERM=xterm"]),
            (true, &["TERM=dumb"], &[], vec![path, "HOSTNAME=box", "TERM=dumb"]),
            (false, &["PATH=/x", "A=1"], &[], vec!["HOSTNAME=box", "PATH=/x", "A=1"]),
            (false, &["A=1", "B=2"], &["A=3"], vec![path, "HOSTNAME=box", "B=2", "A=3"]),
            (false, &["A=1"], &["A="], vec![path, "HOSTNAME=box", "A="]),
            (false, &[], &["HOST"], vec![path, "HOSTNAME=box", "HOST=here"]),
            (false, &["A=1"], &["A"], vec![path, "HOSTNAME=box"]),
            (false, &[], &["UNSET"], vec![path, "HOSTNAME=box"]),
            (false, &["A=b=c", "=x"], &["A=1", "A=2"], vec![path, "HOSTNAME=box", "A=2"]),
        ] {
            assert_eq!(composed(terminal, image, given), expected, "{image:?} {given:?}");
        }
    }

    #[test]
    fn files_are_read_as_docker_reads_them() {
        let text = "\u{feff}A=1\r\n# comment\n\n  B=\"two\" # not a comment\nHOST\nUNSET\nC=\n";
        let settings = parse(text.as_bytes(), &host).unwrap();
        let shown: Vec<String> = settings
            .iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.clone().unwrap().display()))
            .collect();
        assert_eq!(shown, ["A=1", "B=\"two\" # not a comment", "HOST=here", "C="]);
        assert_eq!(parse(b"A=1\n=x", &host), Err((2, "there is no name in front of the =")));
        assert_eq!(parse(b"A B=1", &host), Err((1, "the name has a space in it")));
        let nul = "there is a NUL byte, which no variable can hold";
        assert_eq!(parse(b"A=1\nB=\0", &host), Err((2, nul)));
        assert_eq!(parse(b"A=1\n\nB\0=1", &host), Err((3, nul)));
    }
}
