//! An OCI image layout in a folder that is written to.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};

use lapstrake_oci::{Descriptor, Index, MAX_DOCUMENT_SIZE, MediaType};

use crate::Error;

/// What makes a folder a layout.
pub(crate) const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

const NAME: &str = "org.opencontainers.image.ref.name";
const FULL_NAME: &str = "io.containerd.image.name";
const WRITE: &str = "write the image layout";

/// A layout, which may hold images already. What is written is there as a whole or not at all.
pub(crate) struct LayoutFolder {
    path: PathBuf,
}

impl LayoutFolder {
    /// Makes the folder where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let folder = Self { path: path.to_owned() };
        fs::create_dir_all(path.join("blobs/sha256")).map_err(Error::io(WRITE))?;
        folder.file("oci-layout", &mut |out| out.write_all(LAYOUT).map_err(Error::io(WRITE)))?;
        Ok(folder)
    }

    /// Writes a file, in the place of one that is there.
    pub(crate) fn file(
        &self,
        name: &str,
        fill: &mut dyn FnMut(&mut dyn Write) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let unfinished = self.path.join(format!(".lap-{}", std::process::id()));
        let written = File::create(&unfinished).map_err(Error::io(WRITE)).and_then(|file| {
            let mut out = BufWriter::with_capacity(1 << 20, file);
            fill(&mut out)?;
            out.flush().map_err(Error::io(WRITE))?;
            fs::rename(&unfinished, self.path.join(name)).map_err(Error::io(WRITE))
        });
        written.inspect_err(|_| drop(fs::remove_file(&unfinished)))
    }

    /// Adds entries to `index.json`, in the place of those that have their names.
    ///
    /// # Errors
    /// When there is an `index.json` that is none, or it cannot be written.
    pub(crate) fn name(&self, entries: Vec<Descriptor>) -> Result<(), Error> {
        let mut index = self.index()?;
        index.manifests.retain(|known| !entries.iter().any(|entry| replaces(entry, known)));
        index.manifests.extend(entries);
        let bytes = index.to_bytes().map_err(Error::document("index.json"))?;
        self.file("index.json", &mut |out| out.write_all(&bytes).map_err(Error::io(WRITE)))
    }

    fn index(&self) -> Result<Index, Error> {
        let file = match File::open(self.path.join("index.json")) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Index::new(MediaType::OciIndex, Vec::new()));
            }
            Err(source) => return Err(Error::Io { operation: READ, source }),
        };
        let mut bytes = Vec::new();
        let limit = MAX_DOCUMENT_SIZE as u64 + 1;
        file.take(limit).read_to_end(&mut bytes).map_err(Error::io(READ))?;
        Index::parse(&bytes).map_err(Error::document("the folder's index.json"))
    }
}

const READ: &str = "read the folder's index.json";

/// Whether an entry is for the name that another one has; of those without a name, for the same
/// image.
fn replaces(entry: &Descriptor, known: &Descriptor) -> bool {
    let name =
        |entry: &Descriptor| [FULL_NAME, NAME].map(|key| entry.annotations.get(key).cloned());
    match (name(entry), name(known)) {
        ([None, None], [None, None]) => entry.digest == known.digest,
        ([Some(full), _], [Some(other), _]) => full == other,
        ([_, tag], [None, other]) => tag == other,
        _ => false,
    }
}
