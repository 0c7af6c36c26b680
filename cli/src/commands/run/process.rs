//! What is executed: the image's config and the command line laid over each other, as Docker does.

use std::ffi::OsString;
use std::hash::{BuildHasher as _, Hasher as _};
use std::os::unix::ffi::OsStringExt as _;

use lapstrake_executor::Bytes;
use lapstrake_oci::Config;

use super::environment::{self, Setting};
use crate::args::Run;
use crate::failure::Failure;

/// A command with everything it is started with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) argv: Vec<Bytes>,
    pub(super) env: Vec<(Bytes, Bytes)>,
    pub(super) cwd: Bytes,
    pub(super) user: String,
    pub(super) hostname: String,
}

/// Composes the command of `run` from the image's config; `settings` are variables from the command
/// line, in order.
pub(super) fn compose(
    run: &Run,
    config: &Config,
    settings: Vec<Setting>,
) -> Result<Process, Failure> {
    let hostname = run.hostname.clone().unwrap_or_else(random_hostname);
    let env = environment::compose(&hostname, run.terminal, &config.env, settings);
    Ok(Process {
        argv: argv(run.entrypoint.as_deref(), run.command(), config)?,
        env: env.into_iter().map(|(name, value)| (bytes(name), bytes(value))).collect(),
        cwd: cwd(run.workdir.as_deref(), config)?.into(),
        user: run.user.clone().unwrap_or_else(|| config.user.clone()),
        hostname,
    })
}

/// Arguments take the place of CMD; `--entrypoint` takes the place of both, and an empty one only
/// clears them.
fn argv(
    entrypoint: Option<&str>,
    arguments: &[OsString],
    config: &Config,
) -> Result<Vec<Bytes>, Failure> {
    let text = |texts: &[String]| texts.iter().map(|text| Bytes::from(text.as_str())).collect();
    let mut argv: Vec<Bytes> = match entrypoint {
        None => text(&config.entrypoint),
        Some("") => Vec::new(),
        Some(program) => vec![program.into()],
    };
    match (entrypoint, arguments) {
        (None, []) => argv.extend::<Vec<Bytes>>(text(&config.cmd)),
        _ => argv.extend(arguments.iter().cloned().map(bytes)),
    }
    if argv.is_empty() {
        return Err(Failure::new("there is no command to run")
            .help("the image has neither ENTRYPOINT nor CMD: write one behind the image's name"));
    }
    Ok(argv)
}

fn cwd<'a>(workdir: Option<&'a str>, config: &'a Config) -> Result<&'a str, Failure> {
    match workdir {
        Some(path) if !path.starts_with('/') => {
            Err(Failure::new(format!("the working directory {path:?} has to be an absolute path")))
        }
        Some(path) => Ok(path),
        None if config.working_dir.is_empty() => Ok("/"),
        None => Ok(&config.working_dir),
    }
}

/// 12 digits, as Docker takes them from a container's id.
fn random_hostname() -> String {
    // The standard library seeds it with random bytes from the kernel.
    let random = std::hash::RandomState::new().build_hasher().finish();
    format!("{:012x}", random >> 16)
}

fn bytes(text: OsString) -> Bytes {
    Bytes::from(text.into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command, parse};

    fn run(line: &str) -> Box<Run> {
        let typed = line.split(' ').map(|word| word.replace('_', "").into());
        match parse(typed.collect()).unwrap().command {
            Command::Run(run) => run,
            other => panic!("{other:?}"),
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    /// From Docker's reference: "Understand how CMD and ENTRYPOINT interact", and its overriding by
    /// `docker run`. `_` stands for nothing.
    #[test]
    fn entrypoint_command_and_arguments() {
        for (line, entrypoint, cmd, expected) in [
            ("lap run b", &["e", "1"][..], &["c", "2"][..], Some(&["e", "1", "c", "2"][..])),
            ("lap run b", &[], &["c"], Some(&["c"])),
            ("lap run b", &["e"], &[], Some(&["e"])),
            ("lap run b x y", &["e"], &["c"], Some(&["e", "x", "y"])),
            ("lap run b x", &[], &["c"], Some(&["x"])),
            ("lap run --entrypoint s b", &["e"], &["c"], Some(&["s"])),
            ("lap run --entrypoint s b -c x", &["e"], &["c"], Some(&["s", "-c", "x"])),
            ("lap run --entrypoint _ b x", &["e"], &["c"], Some(&["x"])),
            ("lap run --entrypoint= b x", &["e"], &["c"], Some(&["x"])),
            ("lap run --entrypoint _ b", &["e"], &["c"], None),
            ("lap run b", &[], &[], None),
        ] {
            let config =
                Config { entrypoint: texts(entrypoint), cmd: texts(cmd), ..Config::default() };
            let run = run(line);
            let argv = argv(run.entrypoint.as_deref(), run.command(), &config).ok();
            let expected = expected.map(|words| words.iter().copied().map(Bytes::from).collect());
            assert_eq!(argv, expected, "{line} {entrypoint:?} {cmd:?}");
        }
    }

    #[test]
    fn user_directory_and_host_name() {
        let config = Config {
            user: "image".into(),
            working_dir: "/image".into(),
            cmd: texts(&["c"]),
            ..Config::default()
        };
        let composed = |line: &str, config: &Config| compose(&run(line), config, Vec::new());
        let process = composed("lap run b", &config).unwrap();
        assert_eq!((process.user.as_str(), &*process.cwd), ("image", &b"/image"[..]));
        assert_eq!(process.hostname.len(), 12);
        assert!(process.hostname.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let process = composed("lap run -u 5:6 -w /w -h box b", &config).unwrap();
        assert_eq!((process.user.as_str(), &*process.cwd), ("5:6", &b"/w"[..]));
        assert_eq!(process.hostname, "box");
        let bare = Config { cmd: texts(&["c"]), ..Config::default() };
        assert_eq!(&*composed("lap run b", &bare).unwrap().cwd, b"/");
        assert!(composed("lap run -w w b", &bare).is_err());
    }
}
