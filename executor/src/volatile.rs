//! The kernel's mark of a volatile overlay.
//!
//! Overlayfs leaves `work/incompat/volatile` in the work folder of an overlay that is mounted so that nothing is
//! flushed, and mounts none there again: after a crash files may be missing (overlayfs.rst, "Volatile
//! mount"). What a sandbox of ours wrote goes with its folder when there was a crash, so nobody needs the mark.
//! It is removed while the command runs: that takes as long as a tenth of a short sandbox.

use std::fs;
use std::path::Path;

use crate::spec::{Mount, SandboxSpec, Source};

/// Removes the marks of the overlays that this sandbox has mounted. What cannot be removed goes with its folder.
pub(crate) fn unmark(spec: &SandboxSpec) {
    let root = spec.rootfs.volatile.then_some(&spec.rootfs.work);
    let scratch = spec.mounts.iter().filter_map(|mount| match mount {
        Mount::Bind { source: Source::Layers { scratch: Some(scratch), .. }, .. } => {
            Some(&scratch.work)
        }
        _ => None,
    });
    root.into_iter().chain(scratch).for_each(|work| remove(work));
}

fn remove(work: &Path) {
    drop(fs::remove_dir_all(work.join("work/incompat")));
}
