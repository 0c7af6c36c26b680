//! `--platform`, and the platform that stands for it in the environment.

use lapstrake_oci::Platform;

use crate::environment::exact;
use crate::failure::Failure;

/// What stands for the flag where it is not given, as with Docker.
const DEFAULT: &str = "DOCKER_DEFAULT_PLATFORM";
/// What this machine is.
const LOCAL: &str = "local";

/// The platforms that a build is for, each once; none when none is asked for.
pub(crate) fn several(flags: &[String]) -> Result<Vec<Platform>, Failure> {
    let default = match flags {
        [] => default()?,
        _ => None,
    };
    parse(flags.iter().map(String::as_str).chain(default.as_deref()))
}

/// The platform of the one image that a command is about; `None` when none is asked for.
pub(crate) fn one(flag: Option<&str>) -> Result<Option<Platform>, Failure> {
    let default = match flag {
        None => default()?,
        Some(_) => None,
    };
    match &parse(flag.into_iter().chain(default.as_deref()))?[..] {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        _ => Err(Failure::new("the command is about one image, and there are several platforms")
            .help("name one of them with --platform")),
    }
}

/// As [`one`], where the environment has no say: for what is here already.
pub(crate) fn of_flag(flag: Option<&str>) -> Result<Option<Platform>, Failure> {
    flag.map_or(Ok(None), |flag| one(Some(flag)))
}

fn default() -> Result<Option<String>, Failure> {
    let value = exact(DEFAULT).map(|value| value.into_string());
    let value = value.transpose();
    value.map_err(|_| Failure::new(format!("the environment's {DEFAULT} is no UTF-8 text")))
}

/// Reads lists with commas between. An empty text asks for nothing.
fn parse<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<Platform>, Failure> {
    let mut platforms = Vec::new();
    let texts = texts.filter(|text| !text.is_empty());
    for text in texts.flat_map(|text| text.split(',')) {
        let platform = match text.trim() {
            LOCAL => Platform::host(),
            text => Platform::parse(text).map_err(|error| {
                Failure::of(&error).help("write OS/ARCHITECTURE, such as linux/amd64, or local")
            })?,
        };
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    Ok(platforms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(texts: &[&str]) -> Vec<String> {
        let platforms = parse(texts.iter().copied()).unwrap();
        platforms.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lists_are_joined_normalized_and_without_repetition() {
        let host = Platform::host().to_string();
        assert_eq!(parsed(&[]), [""; 0]);
        assert_eq!(parsed(&[""]), [""; 0]);
        assert_eq!(parsed(&["local"]), [host.as_str()]);
        assert_eq!(parsed(&["local", host.as_str()]), [host.as_str()]);
        assert_eq!(
            parsed(&["linux/s390x, linux/arm64/v8", "linux/arm,linux/aarch64"]),
            ["linux/s390x", "linux/arm64", "linux/arm/v7"]
        );
        for text in ["a/b/c/d", "linux/,linux/amd64", "nothing"] {
            assert!(parse([text].into_iter()).is_err(), "{text}");
        }
    }
}
