//! `lap cache mounts export`.

use std::cell::Cell;
use std::path::Path;

use lapstrake_transfer::export_mount;

use super::find::find;
use crate::args::{LayerCompression, MountsExport};
use crate::commands::push::packing;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::text::harmless;
use crate::{images, output};

/// Writes the tar of a mount; a file appears when it is whole.
pub(super) fn run(asked: &MountsExport, session: &Session) -> Result<Exit, Failure> {
    images::refuse_terminal(&asked.output)?;
    let compression = asked.compression.unwrap_or_else(|| named(&asked.output));
    let packing = packing(compression, asked.compression_level)?;
    let store = session.store()?;
    let mounts = store.cache_mounts()?;
    let found = find(&mounts, &asked.mount)?;
    // Further ones are for private uses at the same time; what most steps used is in the first.
    let mount = found
        .into_iter()
        .min_by_key(|mount| mount.number)
        .ok_or_else(|| Failure::new("there is no such cache mount"))?;
    let waits = waiting(mount.title());
    images::write_archive(&asked.output, |out| {
        export_mount(store, (&mount.key, mount.number), packing, out, &waits)
    })?;
    Ok(Exit::SUCCESS)
}

/// How a file of this name is compressed.
fn named(path: &Path) -> LayerCompression {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("zst" | "zstd" | "tzst") => LayerCompression::Zstd,
        Some("gz" | "tgz") => LayerCompression::Gzip,
        _ => LayerCompression::Uncompressed,
    }
}

/// Is called again and again while a mount is waited for; says so once, and waits for ever.
pub(super) fn waiting(name: &str) -> impl Fn() -> bool {
    let is_told = Cell::new(false);
    let line = harmless(&format!("waiting for a running build that uses {name}\n"));
    move || {
        if !is_told.replace(true) {
            output::stderr(&line);
        }
        false
    }
}
