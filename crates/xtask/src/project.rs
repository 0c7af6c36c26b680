//! Where things are in the source tree and in the build folder.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};

pub(crate) struct Project {
    root: PathBuf,
    target: PathBuf,
}

impl Project {
    /// The source tree that this program was started from or, failing that, built from.
    pub(crate) fn locate() -> Outcome<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root =
            manifest.ancestors().nth(2).map(Path::to_owned).ok_or_else(|| Failure::Missing {
                what: format!("no workspace above {}", manifest.display()),
                hint: "start it as `cargo xtask` inside the source tree".into(),
            })?;
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let target = if target.is_absolute() { target } else { root.join(target) };
        Ok(Self { root, target })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// cargo's build folder; what is made here and worth keeping goes into folders of its own below
    /// it.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    pub(crate) fn testdata(&self, path: &str) -> PathBuf {
        self.root.join("testdata").join(path)
    }
}
