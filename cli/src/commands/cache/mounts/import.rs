//! `lap cache mounts import`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use lapstrake_cache::{CacheMount, Sharing};
use lapstrake_rootfs::ContentHash;
use lapstrake_solver::graph;
use lapstrake_solver::key::cache_folder;
use lapstrake_transfer::{Error, MountImport, import_mount};

use super::export::waiting;
use super::find::look_up;
use crate::args::MountsImport;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::text::list_entry;
use crate::{human, output, terminal};

/// Puts the archive's files into the mount, and shows how many they are.
pub(super) fn run(asked: &MountsImport, session: &Session) -> Result<Exit, Failure> {
    let archive = archive(&asked.input)?;
    let store = session.store()?;
    let mounts = store.cache_mounts()?;
    let found = look_up(&mounts, &asked.mount)?;
    let present = found.into_iter().min_by_key(|mount| mount.number);
    let Target { key, number, about } = target(present, &asked.mount)?;
    let import = MountImport { mount: (&key, number), about: &about, merge: asked.merge };
    let shown = present.map_or(asked.mount.as_str(), CacheMount::title);
    let imported = import_mount(store, &import, archive, &waiting(shown))
        .map_err(|error| failure(&error, shown))?;
    let files = human::count(imported.files, "file");
    let size = human::size(imported.bytes);
    output::stdout(&format!("{} holds {files} of {size}\n", list_entry(shown)))?;
    Ok(Exit::SUCCESS)
}

/// Where the files go.
struct Target {
    key: ContentHash,
    number: u32,
    about: String,
}

/// The mount that is there; else the one of that whole id, or the one that a Dockerfile calls so.
fn target(present: Option<&CacheMount>, asked: &str) -> Result<Target, Failure> {
    if let Some(mount) = present {
        let about = format!("{}\n", mount.name);
        return Ok(Target { key: mount.key, number: mount.number, about });
    }
    if asked.is_empty() {
        return Err(Failure::new("the name of the cache mount is empty")
            .help("write its id= of the Dockerfile, or its target where it has none"));
    }
    let key = asked.strip_suffix(".0").unwrap_or(asked).parse::<ContentHash>();
    if let Ok(key) = key {
        return Ok(Target { key, number: 0, about: "\n".to_owned() });
    }
    let mount = graph::CacheMount {
        name: format!("/{asked}"),
        sharing: Sharing::Shared,
        seed: None,
        path: String::new(),
        owner: None,
        read_only: false,
    };
    let about = format!("{}\n", mount.name);
    Ok(Target { key: cache_folder(&mount, None), number: 0, about })
}

fn archive(path: &Path) -> Result<Box<dyn Read + Send>, Failure> {
    if path == Path::new("-") {
        if terminal::stdin_is_terminal() {
            return Err(Failure::new("refusing to read an archive from a terminal")
                .help("name a file with -i, or redirect standard input"));
        }
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path)
        .map_err(|error| Failure::new(format!("cannot open {}", path.display())).because(&error))?;
    Ok(Box::new(file))
}

fn failure(error: &Error, mount: &str) -> Failure {
    let failure =
        Failure::new(format!("cannot import into the cache mount {mount}")).because(error);
    match error {
        Error::EmptyArchive => failure.help("was it made and fetched as a whole?"),
        Error::UnpackMount { .. } => failure.help("the mount is as it was"),
        _ => failure,
    }
}
