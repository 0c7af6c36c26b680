//! What is said of wrong usage where the parser's own words mislead; and flags of Docker that come later: refused
//! by name, never ignored.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::failure::Failure;

const BUILD: &str = "--builder --compress --debug -D --force-rm \
    --isolation --policy --resource --rm --security-opt --squash";

const RUN: &str = "--annotation --attach -a --blkio-weight --blkio-weight-device --cap-add \
    --cap-drop --cgroupns --cidfile --cpu-rt-period \
    --cpu-rt-runtime --detach -d --detach-keys \
    --device --device-cgroup-rule --device-read-bps --device-read-iops --device-write-bps \
    --device-write-iops --dns --dns-opt --dns-option --dns-search --domainname --expose --gpus \
    --group-add --health-cmd --health-interval --health-retries --health-start-interval \
    --health-start-period --health-timeout --init --ip --ip6 --ipc --isolation --kernel-memory \
    --label -l --label-file --link --link-local-ip --log-driver --log-opt --mac-address \
    --memory-reservation --memory-swappiness --mount --name --network-alias \
    --no-healthcheck --oom-kill-disable --oom-score-adj --pid --privileged --read-only --restart --runtime --security-opt --sig-proxy \
    --stop-signal --stop-timeout --storage-opt --sysctl --tmpfs --use-api-socket --userns \
    --uts --volume-driver --volumes-from";

const LATER: [(&str, &str); 4] = [
    ("build", BUILD),
    ("run", RUN),
    ("push", "--disable-content-trust"),
    ("pull", "--disable-content-trust"),
];

/// Commands of Docker that come later.
const COMMANDS: &str = "attach buildx builder commit compose container cp create diff events exec \
    info kill logs network pause port prune ps rename restart rm \
    start stats stop system top unpause update volume wait";

/// What to say about a flag or command that Docker has and we do not have yet; `None` when the
/// error is another one.
pub(super) fn refusal(error: &clap::Error, typed: &[OsString]) -> Option<Failure> {
    let (kind, known) = match error.kind() {
        ErrorKind::UnknownArgument => {
            let command = command_name(typed)?;
            (ContextKind::InvalidArg, LATER.iter().find(|(name, _)| *name == command)?.1)
        }
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, COMMANDS),
        _ => return None,
    };
    let Some(ContextValue::String(written)) = error.get(kind) else { return None };
    let name = written.split('=').next().unwrap_or(written);
    let name = match name.strip_prefix('-') {
        // A short flag, perhaps with its value.
        Some(rest) if !rest.starts_with('-') => name.get(..2).unwrap_or(name),
        _ => name,
    };
    let later = known.split_whitespace().any(|known| known == name);
    later.then(|| Failure::new(format!("{name} is not supported yet")))
}

/// What to say when a build has two contexts, the second of which is taken for a subcommand; `None` when the
/// error is another one.
pub(super) fn second(error: &clap::Error) -> Option<Failure> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let is_second = error.kind() == ErrorKind::ArgumentConflict;
    is_second.then(|| {
        Failure::new(format!("a build has one context, and {word:?} is a second one")).help(
            "a value with spaces or line ends has to be in quotes, or its second word is taken for the context",
        )
    })
}

/// Whether a word was taken for an option that may be a negative number.
pub(super) fn is_negative_number(error: &clap::Error) -> bool {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else { return false };
    let digits = word.strip_prefix('-').unwrap_or_default();
    error.kind() == ErrorKind::UnknownArgument
        && digits.starts_with(|first: char| first.is_ascii_digit())
}

/// The command among what was typed.
pub(super) fn command_name(typed: &[OsString]) -> Option<&str> {
    let mut words = typed.iter().skip(1).map(|word| word.to_str().unwrap_or_default());
    while let Some(word) = words.next() {
        match word {
            "--root" => {
                words.next();
            }
            word if word.starts_with('-') => {}
            word => return Some(word),
        }
    }
    None
}
