//! # Cache mounts keep something
//!
//! A cache mount is worth its line only if the tool puts its files there and they stay. Images of Debian and
//! Ubuntu have apt remove all packages that it has fetched (`/etc/apt/apt.conf.d/docker-clean`), flags such as
//! `--no-cache-dir` have tools keep nothing, some commands empty the cache, and for a user other than root
//! `~` is not `/root`. Whether the base image has `docker-clean`, and whose user it has, is known if it is in
//! the store, and so is whether the RUN left a file in the cache when it ran last. A cache of apt that is not `sharing=locked` gets a remark:
//! where two builds have it at once, one fails. So does one for what is compiled (`target`, `node_modules` and the like), without the platform
//! in its `id`, where a bake file, a compose file or a pipeline builds the file for several architectures.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\
//!     apt-get update && apt-get install -y curl
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\
//!     rm -f /etc/apt/apt.conf.d/docker-clean && apt-get update && apt-get install -y curl
//! ```
//!
//! **Fix**: none: either the mount or what empties it is too much.

use lapstrake_parser::{Instruction, InstructionKind, Keyword, Severity, Span, Stage, mount};
use lapstrake_rootfs::passwd::UserDb;

use crate::finding::Findings;
use crate::root::{Found, Root};
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::shell::Command;
use crate::state::State;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("cache-mount-misses", Severity::Warning, Check::Stage(check));

/// What has apt remove packages after it has installed them.
const CLEANER: &str = "/etc/apt/apt.conf.d/docker-clean";

/// Commands that keep nothing: programs, an argument, and what the path of their cache has in it.
const KEEPS_NOTHING: [(&[&str], &str, &str); 5] = [
    (&["pip", "pip3"], "--no-cache-dir", "pip"),
    (&["uv"], "--no-cache", "uv"),
    (&["apk"], "--no-cache", "apk"),
    (&["poetry"], "--no-cache", "poetry"),
    (&["composer"], "--no-cache", "composer"),
];

/// Commands that empty a cache: programs, their arguments, and what the path of the cache has in it.
const EMPTIES: [(&[&str], &[&str], &str); 9] = [
    (&["apt-get", "apt"], &["clean"], "/var/cache/apt"),
    (&["dnf", "microdnf"], &["clean", "all"], "dnf"),
    (&["yum"], &["clean", "all"], "yum"),
    (&["npm"], &["cache", "clean"], ".npm"),
    (&["yarn"], &["cache", "clean"], "yarn"),
    (&["pip", "pip3"], &["cache", "purge"], "pip"),
    (&["go"], &["clean", "-modcache"], "/mod"),
    (&["go"], &["clean", "-cache"], "go-build"),
    (&["composer"], &["clear-cache"], "composer"),
];

/// A cache mount.
struct Cache {
    target: String,
    /// Where the target is written.
    place: Span,
    /// Several steps may have it at once.
    is_shared: bool,
    /// By what it is known; nothing if a variable decides.
    id: Option<String>,
}

/// Folders in which tools put what they compile.
const COMPILED: [&str; 8] =
    ["target", "node_modules", "build", "_build", "obj", ".venv", "venv", "cmake-build-release"];

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    for instruction in stage.instructions {
        let caches = caches(instruction);
        let Some(run) = Run::of(subject, instruction).filter(|_| !caches.is_empty()) else {
            continue;
        };
        for cache in &caches {
            if let Some((command, what, help)) = emptied(&run, cache) {
                let draft = findings.add(cache.place, format!("the cache stays empty: {what}"));
                draft.help(help).label(command.span(), "by this");
            } else if is_cleaned_by_apt(subject, stage, &run, cache) {
                let what = "the cache stays empty: the base image has apt remove what it fetched";
                let help = format!("its {CLEANER} says so; begin with `rm -f {CLEANER}`");
                findings.add(cache.place, what).help(help);
            } else if let Some((user, help)) = is_elsewhere(subject, stage, instruction, cache) {
                let what =
                    format!("nothing is kept here: the user is `{user}`, whose home is not /root");
                findings.add(cache.place, what).help(help);
            } else if is_idle(&run, cache) {
                let what = "the cache stays empty: the RUN left no file in it when it ran last";
                findings.add(cache.place, what).help("mount it where the tool keeps its files");
            } else if let Some((name, architectures)) = is_mixed(subject, stage, cache) {
                let what = format!("builds for {architectures} have this cache");
                let help = format!(
                    "{name} builds for them: declare `ARG TARGETARCH` and add `id=…-$TARGETARCH`"
                );
                findings.add(cache.place, what).help(help).remark();
            } else if let Some(command) = is_locked_out(&run, cache) {
                let what = "two builds at once have this cache, and apt wants it alone";
                let help = "add `sharing=locked`: one waits for the other";
                findings
                    .add(cache.place, what)
                    .help(help)
                    .label(command.span(), "this locks it")
                    .remark();
            }
        }
    }
}

fn caches(instruction: &Instruction) -> Vec<Cache> {
    let words = instruction.flags_named("mount").filter_map(|flag| flag.value.as_ref());
    let caches = words.filter_map(|word| {
        let (kind, _) = mount::option(word.as_str(), &["type"])?;
        let (target, range) = mount::option(word.as_str(), &["target", "dst", "destination"])?;
        let is_one = kind == "cache" && target.starts_with('/') && !target.contains('$');
        let target = target.trim_end_matches('/').to_owned();
        let sharing = mount::option(word.as_str(), &["sharing"]);
        let is_shared = sharing.is_none_or(|(sharing, _)| sharing == "shared");
        let id = mount::option(word.as_str(), &["id"]).map_or_else(|| target.clone(), |(id, _)| id);
        let id = (!id.contains('$')).then_some(id);
        is_one.then(|| Cache { target, place: word.span_of(range), is_shared, id })
    });
    caches.collect()
}

/// A command of the RUN by which nothing is kept, with what it does.
fn emptied<'r>(run: &Run<'r>, cache: &Cache) -> Option<(&'r Command, String, &'static str)> {
    let is_for = |path: &&str| cache.target.contains(path);
    run.script.commands.iter().find_map(|command| {
        let name = command.name();
        let keeps = KEEPS_NOTHING.iter().find(|(programs, flag, path)| {
            programs.contains(&name) && is_for(path) && command.has_argument(flag)
        });
        if let Some((_, flag, _)) = keeps {
            let help = "leave the flag out: what is in the mount is in no layer";
            return Some((command, format!("`{flag}` keeps nothing"), help));
        }
        let help = "leave it out: what is in the mount is in no layer";
        let empties = EMPTIES.iter().find(|(programs, words, path)| {
            programs.contains(&name)
                && is_for(path)
                && words.iter().all(|word| command.has_argument(word))
        });
        if let Some((_, words, _)) = empties {
            return Some((command, format!("`{name} {}` empties it", words.join(" ")), help));
        }
        let is_it = |text: &str| {
            let path = text.trim_end_matches('*').trim_end_matches('/');
            !path.is_empty()
                && (cache.target == path || cache.target.starts_with(&format!("{path}/")))
        };
        let mut removed = command.arguments().iter().filter(|word| word.text.starts_with('/'));
        let removed = removed.find(|word| is_it(&word.text)).filter(|_| name == "rm")?;
        Some((command, format!("`{}` is removed", removed.text), help))
    })
}

/// True if the last build left nothing in the cache.
fn is_idle(run: &Run<'_>, cache: &Cache) -> bool {
    let made = run.subject.made(run.instruction);
    let idle = made.map(|made| made.idle_caches.as_slice()).unwrap_or_default();
    cache.id.as_ref().is_some_and(|id| idle.iter().any(|idle| idle.trim_end_matches('/') == id))
}

/// Who builds the file for several architectures, and for which, if that gets into the cache together.
fn is_mixed(subject: &Subject<'_>, stage: &Stage<'_>, cache: &Cache) -> Option<(String, String)> {
    let folder = cache.target.rsplit('/').next()?;
    let ground = subject.ground(stage).0;
    // All of them run on the machine that builds, or on one that is written out.
    let is_of_one = ground.from.platform.is_some();
    if !COMPILED.contains(&folder) || cache.id.is_none() || is_of_one {
        return None;
    }
    subject.known.callers.iter().find_map(|caller| {
        let all: Vec<_> = caller.architectures()?.into_iter().collect();
        Some((caller.file.name.clone(), all.join(" and ")))
    })
}

/// The command that fails where another step has the cache: apt locks its lists and its archives (apt-get(8)).
fn is_locked_out<'r>(run: &Run<'r>, cache: &Cache) -> Option<&'r Command> {
    let words: &[&str] = match cache.target.as_str() {
        "/var/cache/apt" | "/var/cache/apt/archives" => &["install", "upgrade", "dist-upgrade"],
        "/var/lib/apt" | "/var/lib/apt/lists" => &["update"],
        _ => return None,
    };
    let mut commands = run.commands(&["apt-get", "apt"]).filter(|_| cache.is_shared);
    commands.find(|command| command.has_any_argument(words))
}

/// True if apt fetches into the cache, and the base image has it remove all that.
fn is_cleaned_by_apt(
    subject: &Subject<'_>,
    stage: &Stage<'_>,
    run: &Run<'_>,
    cache: &Cache,
) -> bool {
    let mut installs = run.commands(&["apt-get", "apt"]);
    let installs =
        installs.any(|command| command.has_any_argument(&["install", "upgrade", "dist-upgrade"]));
    if !installs || !matches!(cache.target.as_str(), "/var/cache/apt" | "/var/cache/apt/archives") {
        return false;
    }
    let here = run.instruction.span.start;
    let lineage = subject.lineage(stage);
    let mut above = lineage.iter().flat_map(|stage| stage.instructions).chain(stage.instructions);
    // Somebody has seen to it, in one way or another.
    let is_seen_to = above.any(|one| {
        let text = subject.source.get(one.span.range()).unwrap_or_default();
        let is_about = ["docker-clean", "apt.conf", "Keep-Downloaded", "/etc/apt/"];
        one.span.start <= here && is_about.iter().any(|about| text.contains(about))
    });
    if is_seen_to {
        return false;
    }
    let Some(root) = Root::of_base(subject, stage) else { return false };
    let is_there = matches!(root.find(CLEANER), Found::There(..));
    let text = root.head(CLEANER).filter(|_| is_there);
    text.is_some_and(|text| String::from_utf8_lossy(&text).contains("/var/cache/apt/archives"))
}

/// Who runs the command, if the cache is in the home of root and that is somebody else.
fn is_elsewhere(
    subject: &Subject<'_>,
    stage: &Stage<'_>,
    instruction: &Instruction,
    cache: &Cache,
) -> Option<(String, String)> {
    let below = cache.target.strip_prefix("/root/")?;
    let lineage = subject.lineage(stage);
    let own =
        stage.instructions.iter().rev().skip_while(|one| one.span.start >= instruction.span.start);
    let mut before = own.chain(lineage.iter().flat_map(|stage| stage.instructions.iter().rev()));
    let user = match before.find(|one| one.kind.keyword() == Keyword::User).map(|one| &one.kind) {
        Some(InstructionKind::User(word)) => word.as_str(),
        _ => subject.ground(stage).1.base.map(|base| base.config.user.as_str())?,
    };
    let name = user.split(':').next().unwrap_or_default();
    let is_somebody =
        !name.is_empty() && name != "root" && name != "0" && !name.contains(['$', '"', '\'']);
    let environment = State::at_end(subject, stage).environment;
    let is_told = |name: &str| {
        let value = environment.value(name).unwrap_or_default();
        value.starts_with("/root")
    };
    if !is_somebody || environment.names().any(is_told) {
        return None;
    }
    let home = Root::of_base(subject, stage).and_then(|root| {
        let users = UserDb { passwd: root.head("/etc/passwd")?, group: Vec::new() };
        let home = users.user(name.as_bytes())?.home;
        String::from_utf8(home).ok().filter(|home| home.starts_with('/'))
    });
    let help = match home {
        Some(home) => {
            format!("mount it at {}/{below}, with `uid=` of the user", home.trim_end_matches('/'))
        }
        None => "mount it in the home of that user, with `uid=`".to_owned(),
    };
    Some((name.to_owned(), help))
}
