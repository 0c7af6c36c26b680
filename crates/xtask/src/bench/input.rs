//! The contexts that are built, generated: nothing to download, the same for every tool.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;

use crate::failure::{Outcome, Subject};
use crate::process;

const FILES_PER_FOLDER: usize = 100;

/// A folder of `files` files of 4 kB each, all different.
pub(crate) fn tree(folder: &Path, files: usize) -> Outcome<()> {
    for index in 0..files {
        let parent = folder.join(format!("{:03}", index / FILES_PER_FOLDER));
        if index % FILES_PER_FOLDER == 0 {
            fs::create_dir_all(&parent).on("create", &parent)?;
        }
        write(&parent.join(format!("{index:05}.txt")), &format!("file {index:08} ").repeat(290))?;
    }
    Ok(())
}

/// Twelve instructions, as a small service has them, with 200 files.
pub(crate) fn service(folder: &Path) -> Outcome<()> {
    tree(&folder.join("src"), 200)?;
    write(&folder.join("settings.conf"), "verbose = true\n")?;
    let text = "FROM busybox\nLABEL maintainer=bench\nENV MODE=production\nWORKDIR /app\nCOPY settings.conf ./\n\
                RUN mkdir data && echo ready > data/state\nCOPY src ./src\nRUN ls src > listing\n\
                RUN echo app:x:100:100::/app:/bin/sh >> /etc/passwd\nUSER app\nEXPOSE 8080\nCMD [\"sh\", \"-c\", \"cat listing\"]\n";
    write(&folder.join("Dockerfile"), text)
}

/// One COPY of a context with that many files.
pub(crate) fn copy(folder: &Path, files: usize) -> Outcome<()> {
    tree(&folder.join("src"), files)?;
    write(&folder.join("Dockerfile"), "FROM busybox\nCOPY src /src\n")
}

/// The files of `folder/src` once more, as a clone has them: other inodes, other times, same content.
pub(crate) fn clone(folder: &Path) -> Outcome<()> {
    let (old, new) = (folder.join("src"), folder.join("new"));
    process::quiet(Command::new("cp").arg("-R").arg(&old).arg(&new))?;
    fs::remove_dir_all(&old).on("remove", &old)?;
    fs::rename(&new, &old).on("rename", &new)
}

/// A stage whose files another one takes, to the path that they have there; `salt` has it done again.
pub(crate) fn taken(folder: &Path, salt: usize) -> Outcome<()> {
    let text = format!(
        "FROM busybox AS files\nCOPY src /src\nFROM busybox\nWORKDIR /{salt}\nCOPY --from=files /src /src\n"
    );
    write(&folder.join("Dockerfile"), &text)
}

/// A Dockerfile of `lines` RUN lines that nobody has built with this salt before.
pub(crate) fn chain(folder: &Path, lines: usize, salt: usize) -> Outcome<()> {
    let mut text = format!("FROM busybox\nLABEL salt={salt}\n");
    for line in 1..=lines {
        text += &format!("RUN echo {salt} {line} > /step-{line}\n");
    }
    write(&folder.join("Dockerfile"), &text)
}

/// Four stages that take two seconds each and do not need each other, and one that joins them.
pub(crate) fn stages(folder: &Path, salt: usize) -> Outcome<()> {
    let names = ["north", "east", "south", "west"];
    let mut text = String::new();
    for name in names {
        text += &format!("FROM busybox AS {name}\nRUN sleep 2 && echo {salt} > /{name}\n");
    }
    text += "FROM busybox\n";
    for name in names {
        text += &format!("COPY --from={name} /{name} /\n");
    }
    write(&folder.join("Dockerfile"), &text)
}

/// A file of noise that nobody has seen before, of `size` bytes. The noise of a whole file is one
/// block, of a size that no compressor's window spans, again and again: made quickly, and as hard to
/// compress as if it were not.
pub(crate) fn noise(path: &Path, size: u64) -> Outcome<()> {
    const BLOCK: u64 = 16 << 20;
    let source = Path::new("/dev/urandom");
    let mut block = Vec::new();
    fs::File::open(source)
        .and_then(|source| source.take(BLOCK).read_to_end(&mut block))
        .on("read", source)?;
    repeat(path, &block, size)
}

/// A file of lines, each of which names `salt`.
pub(crate) fn lines(path: &Path, size: u64, salt: usize) -> Outcome<()> {
    let line =
        |number: usize| format!("{number:06} of {salt}: the quick brown fox jumps over it\n");
    let block: String = (0..20_000).map(line).collect();
    repeat(path, block.as_bytes(), size)
}

/// A file that holds `block` again and again, `size` bytes long.
fn repeat(path: &Path, block: &[u8], size: u64) -> Outcome<()> {
    let mut file = fs::File::create(path).on("create", path)?;
    let mut left = usize::try_from(size).unwrap_or(usize::MAX);
    while left > 0 {
        let piece = block.get(..left).unwrap_or(block);
        file.write_all(piece).on("write", path)?;
        left -= piece.len();
    }
    Ok(())
}

pub(crate) fn write(path: &Path, text: &str) -> Outcome<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).on("create", folder)?;
    }
    fs::write(path, text).on("write", path)
}
