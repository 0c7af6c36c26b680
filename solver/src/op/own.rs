//! What the key of a step is made of beside the root file system that it stands on, each part by
//! itself: [`crate::key`] hashes the same into one.

use lapstrake_rootfs::ContentHash;
use lapstrake_rootfs::copy::Listed;
use serde::Serialize;

use crate::graph::{CopyOp, CopySource, MkdirOp, RunOp};
use crate::key;
use crate::reason::{Part, Subject};

/// See the module.
pub(super) struct Own {
    /// Of what op.
    pub(super) kind: &'static str,
    /// What a user takes for the same step, whatever else changes.
    pub(super) subject: String,
    pub(super) parts: Vec<Part>,
    /// What is copied.
    pub(super) files: Vec<Listed>,
}

/// Of [`key::mkdir`].
pub(super) fn mkdir(op: &MkdirOp) -> Own {
    let parts = vec![setting("the path", &op.path), setting("the owner", &op.owner)];
    Own { kind: "mkdir", subject: op.path.clone(), parts, files: Vec::new() }
}

/// Of [`key::copy`].
pub(super) fn copy(op: &CopyOp, contents: &[(ContentHash, bool)], files: Vec<Listed>) -> Own {
    let sources: Vec<String> = op.sources.iter().map(source).collect();
    let sources = sources.join(" ");
    let content = hash(&contents.iter().map(|(content, _)| content).collect::<Vec<_>>());
    let unpack: Vec<&str> =
        contents.iter().map(|(_, unpack)| if *unpack { "unpacked" } else { "kept" }).collect();
    let parts = vec![
        Part::of(Subject::Files, &sources, &content),
        setting("the destination", &op.destination),
        setting("the owner", op.owner.as_deref().unwrap_or_default()),
        setting("the mode", op.mode.as_deref().unwrap_or_default()),
        setting("whether owners are kept", if op.keep_owner { "yes" } else { "no" }),
        setting("what becomes of archives", &unpack.join(" ")),
    ];
    let subject = format!("{sources}\n{}", op.destination);
    Own { kind: "copy", subject, parts, files }
}

fn source(source: &CopySource) -> String {
    match source {
        CopySource::Path { path, .. } => path.clone(),
        CopySource::Below { base, pattern, .. } if base == "/" => pattern.clone(),
        CopySource::Below { base, pattern, .. } => format!("{base}/./{pattern}"),
        CopySource::Inline { name, .. } => name.clone(),
    }
}

/// Of [`key::run`], with what each mount shows, and the secrets that count.
pub(super) fn run(
    op: &RunOp,
    sources: &[Option<ContentHash>],
    secrets: &[(&str, ContentHash)],
) -> Own {
    let command = command(&op.argv);
    let hosts: Vec<&str> = op.hosts.iter().map(|(name, _)| name.as_str()).collect();
    let mut parts = vec![
        Part::of(Subject::Command, &command, &hash(&op.argv)),
        setting("the working directory", &op.cwd),
        setting("the user", &op.user),
        setting("the platform", &op.platform),
        setting("the network", &format!("{:?}", op.network).to_lowercase()),
        setting("the security", &format!("{:?}", op.security).to_lowercase()),
        setting("the host name", &op.hostname),
        setting("the extra hosts", &hosts.join(" ")),
    ];
    let variable =
        |(name, value): &(String, String)| Part::text(Subject::Variable(name.clone()), value);
    parts.extend(op.env.iter().map(variable));
    let limit = |limit: &crate::graph::Limit| {
        let bound = |value: Option<u64>| value.map_or("unlimited".to_owned(), |n| n.to_string());
        let text = format!("{}:{}", bound(limit.soft), bound(limit.hard));
        setting(&format!("the limit {}", limit.name), &text)
    };
    parts.extend(op.limits.iter().map(limit));
    parts
        .extend(op.files.iter().map(|file| whole(&format!("the file {}", file.path), &hash(file))));
    parts.extend(op.secrets.iter().map(|secret| {
        let subject = format!("the secret variable {}", secret.name);
        Part::of(Subject::Setting(subject), &secret.id, &hash(secret))
    }));
    let sources = sources.iter().chain(std::iter::repeat(&None));
    for (mount, source) in op.mounts.iter().zip(sources) {
        let kind = ContentHash::of(&key::mount_kind(mount));
        parts.push(whole(&format!("the mount at {}", mount.target), &kind));
        if let Some(content) = source {
            parts.push(Part::of(Subject::Mounted(mount.target.clone()), "", content));
        }
    }
    parts.extend(secrets.iter().map(|(id, value)| whole(&format!("the secret {id}"), value)));
    Own { kind: "run", subject: op.argv.join("\0"), parts, files: Vec::new() }
}

/// As it is written in the Dockerfile, on one line.
fn command(argv: &[String]) -> String {
    let words = match argv {
        [shell, flag, command @ ..] if shell.ends_with("sh") && flag == "-c" => command,
        all => all,
    };
    words.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn setting(subject: &str, text: &str) -> Part {
    Part::text(Subject::Setting(subject.to_owned()), text)
}

/// A part of which only is said that it changed.
fn whole(subject: &str, content: &ContentHash) -> Part {
    Part::of(Subject::Setting(subject.to_owned()), "", content)
}

fn hash(value: &impl Serialize) -> ContentHash {
    // Plain data in memory always encodes.
    ContentHash::of(&postcard::to_allocvec(value).unwrap_or_default())
}
