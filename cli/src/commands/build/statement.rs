//! What is told about files that leave without an image: statements in files beside them, as BuildKit
//! writes them.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use lapstrake_cache::{Store, Temporary};
use lapstrake_image::{Attestation, ImageFiles};
use lapstrake_oci::Platform;
use lapstrake_rootfs::TreePath;

use super::{provenance, sbom};
use crate::failure::Failure;

/// Files of images, each with the folder that it goes into.
pub(super) type Parts = Vec<(TreePath, ImageFiles)>;

/// What an argument or a package says is the business of who built it first.
const MODE: u32 = 0o600;

/// The statements of `said` about each of `parts`, as files that go into the same folders; they are
/// in the temporary folder. Their names begin with `prefix`.
///
/// # Errors
/// When an image has a file of such a name.
pub(super) fn beside(
    store: &Store,
    parts: &Parts,
    said: &[Attestation],
    prefix: &str,
) -> Result<(Temporary, Parts), Failure> {
    let folder = store.temporary()?;
    let mut all = Vec::new();
    for (number, (below, files)) in parts.iter().enumerate() {
        let about = said.iter().filter(|said| is_for(said, &files.platform));
        let about: Vec<&Attestation> = about.collect();
        if about.is_empty() {
            continue;
        }
        let is_shared = parts.iter().filter(|(other, _)| other == below).count() > 1;
        let place = folder.path().join(number.to_string());
        fs::create_dir(&place).map_err(unwritten)?;
        let digests = files.digests()?;
        for said in about {
            let name = format!("{prefix}{}", name(said, is_shared));
            if digests.iter().any(|(path, _)| *path == name) {
                return Err(Failure::new(format!("the image has a file {name} of its own"))
                    .help("give the statements other names with attestation-prefix=…"));
            }
            write(&place.join(name), &said.about_files(&digests)?)?;
        }
        let place = File::open(&place).map_err(unwritten)?;
        all.push((below.clone(), ImageFiles::beside(files.platform.clone(), place)?));
    }
    Ok((folder, all))
}

fn is_for(said: &Attestation, platform: &Platform) -> bool {
    said.platform.normalized() == platform.normalized()
}

/// What BuildKit calls it; with the platform where those of several are in one folder.
fn name(said: &Attestation, is_shared: bool) -> String {
    let (name, ending) = match said.predicate_type.as_str() {
        provenance::KIND => ("provenance", "json"),
        sbom::KIND => ("sbom", "spdx.json"),
        _ => ("attestation", "json"),
    };
    match is_shared {
        true => format!("{name}.{}.{ending}", said.platform.to_string().replace('/', "_")),
        false => format!("{name}.{ending}"),
    }
}

fn write(path: &Path, text: &[u8]) -> Result<(), Failure> {
    fs::write(path, text)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(MODE)))
        .map_err(unwritten)
}

fn unwritten(error: std::io::Error) -> Failure {
    Failure::new("cannot write what is told about the files").because(&error)
}
