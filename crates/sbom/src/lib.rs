//! What software is in a root file system, as an SPDX document.
//!
//! Package managers leave lists of what they installed: dpkg, apk and rpm one for all, pip, npm,
//! gem and cargo one beside each package or program. [`Interest::of`] says which files those are, and
//! [`Inventory::read`] reads them. Nothing is executed, and nothing is looked for in other files: what
//! was copied in without such a list is not found.
//!
//! The content of those files is not to be trusted: sizes and counts are bounded, and what cannot be
//! read is left out. The crate opens no file of the image; only rpm's database goes through a
//! temporary file, because SQLite wants one.
//!
//! Start at [`Inventory`]. In reading order: `inventory`, `system` (dpkg, apk), `rpm`, `language` (pip,
//! npm, cargo, gem), `spdx`.

mod inventory;
mod language;
mod rpm;
mod spdx;
mod system;

pub use inventory::{Interest, Inventory, MAX_FILE, Package};
