//! The little of the Dockerfile's and the shell's languages that the recorded cases use.

use crate::{Kind, LayerWriter, Meta, Timestamp, TreePath, WriteError};

/// The time of a step.
pub(super) const NOW: Timestamp = Timestamp { seconds: 1_700_000_000, nanoseconds: 0 };

/// Words as the Dockerfile has them, quotes and backslashes taken away.
pub(super) fn words(rest: &str) -> Vec<Vec<u8>> {
    if let Some(json) = rest.strip_prefix('[').filter(|_| rest.ends_with("\"]")) {
        let words: Vec<String> = serde_json::from_str(&format!("[{json}")).expect("JSON");
        return words.into_iter().map(String::into_bytes).collect();
    }
    rest.split(' ').map(|word| word.replace('\\', "").into_bytes()).collect()
}

/// The users and groups of the recorded cases.
pub(super) fn owner(text: &str) -> (u32, u32) {
    let (user, group) = text.split_once(':').map_or((text, None), |(u, g)| (u, Some(g)));
    let id = |name: &str| match name {
        "app" => 500,
        "grp" => 700,
        "nobody" | "nogroup" => 65534,
        number => number.parse().expect("a number"),
    };
    let primary = if user == "app" { 600 } else { id(user) };
    (id(user), group.map_or(primary, id))
}

/// The few commands that the cases prepare their stages with; others do nothing.
pub(super) fn shell(writer: &mut LayerWriter, script: &str) -> Result<(), WriteError> {
    for command in script.split(['&', ';']).map(str::trim) {
        let words: Vec<&str> = command.split(' ').filter(|word| !word.starts_with('-')).collect();
        let recursive = command.contains(" -R ");
        match words.as_slice() {
            ["mkdir", paths @ ..] => {
                for path in paths.iter().map(|path| TreePath::from(*path)) {
                    let meta = Meta::of_root(0o755, NOW);
                    writer.make_parents(&path, &meta)?;
                    if writer.entry(&path).is_none() {
                        writer.directory(&path, &meta)?;
                    }
                }
            }
            ["echo", text, ">", path] => {
                let content = format!("{text}\n");
                let meta = Meta::of_root(0o644, NOW);
                writer.file(&TreePath::from(*path), &meta, &mut content.as_bytes())?;
            }
            ["ln", target, path] => {
                let meta = Meta::of_root(0o777, NOW);
                writer.symlink(&TreePath::from(*path), &meta, target.as_bytes())?;
            }
            ["mkfifo", path] => {
                writer.fifo(&TreePath::from(*path), &Meta::of_root(0o644, NOW))?;
            }
            ["chown", ids, path] => {
                let (uid, gid) = owner(ids);
                change(writer, path, recursive, |meta| meta.owned_by(uid, gid))?;
            }
            ["chmod", mode, path] => {
                let mode = u32::from_str_radix(mode, 8).expect("a mode");
                change(writer, path, false, |meta| Meta { mode, ..meta })?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Writes what is at `path`, or below it too, once more with other metadata.
fn change(
    writer: &mut LayerWriter,
    path: &str,
    recursive: bool,
    new: impl Fn(Meta) -> Meta,
) -> Result<(), WriteError> {
    let top = TreePath::from(path);
    let names = ["", "/f", "/sub", "/sub/g", "/p", "/l"];
    for name in names.iter().take(if recursive { names.len() } else { 1 }) {
        let path = TreePath::clean(&[top.as_bytes(), name.as_bytes()].concat());
        let Some(entry) = writer.entry(&path).cloned() else { continue };
        let meta = new(Meta::of(&entry));
        match &entry.kind {
            Kind::Directory { .. } => writer.directory(&path, &meta)?,
            Kind::Symlink { target } => writer.symlink(&path, &meta, target)?,
            Kind::Fifo => writer.fifo(&path, &meta)?,
            _ => {
                let content = if name.ends_with('g') { "g\n" } else { "f\n" };
                writer.file(&path, &meta, &mut content.as_bytes()).map(|_| ())?;
            }
        }
    }
    Ok(())
}
