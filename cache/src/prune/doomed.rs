//! Layers whose rows are gone and whose folders are to follow.
//!
//! ```text
//! doomed      names of folders in layers/, a line each; there only while a removal is under way
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::layer::layer_id;
use crate::lease::Gate;
use crate::temporary::replace_file;
use crate::{Error, Store, Temporary};

/// Says which folders go. Needs the gate alone, as all of this module does. What a killed process has announced
/// goes to `aside` before.
pub(crate) fn announce(store: &Store, aside: &Temporary, folders: &[&str]) -> Result<(), Error> {
    carry_out(store, aside)?;
    let root = store.root();
    replace_file(root, &root.join("doomed"), folders.join("\n").as_bytes())
}

/// They are gone.
pub(crate) fn done(root: &Path) -> Result<(), Error> {
    let path = root.join("doomed");
    fs::remove_file(&path).map_err(Error::io("remove", path))
}

/// Ends the removal that a killed process began.
pub(crate) fn finish(store: &Store) -> Result<(), Error> {
    if !store.root().join("doomed").exists() {
        return Ok(());
    }
    let aside = store.temporary()?;
    let _gate = Gate::alone(store.root())?;
    carry_out(store, &aside)
}

/// Moves away what is announced, if anything is. A layer that has a row, because its transaction did not come to its
/// end or it was made again, stays.
fn carry_out(store: &Store, aside: &Temporary) -> Result<(), Error> {
    let path = store.root().join("doomed");
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        text => text.map_err(Error::io("read", &path))?,
    };
    let known: BTreeSet<String> = store.layer_names()?;
    for name in text.lines().filter(|name| layer_id(name).is_some() && !known.contains(*name)) {
        let folder = store.root().join("layers").join(name);
        match fs::rename(&folder, aside.path().join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", folder)(error));
            }
            _ => {}
        }
    }
    done(store.root())
}
