//! What packages are in an image, as an SPDX document.

use lapstrake_image::{Attestation, Images};
use lapstrake_oci::Reference;
use lapstrake_sbom::{Interest, Inventory, MAX_FILE};
use lapstrake_solver::Built;

use super::provenance::{now, rfc3339};
use crate::failure::Failure;

pub(super) const KIND: &str = "https://spdx.dev/Document";

/// What is said about each of the images that were built; `name` is what the first output calls them.
pub(super) fn sbom(
    images: &Images<'_>,
    built: &Built,
    name: Option<&Reference>,
) -> Result<Vec<Attestation>, Failure> {
    let name = name.map_or_else(|| "image".to_owned(), ToString::to_string);
    let created = rfc3339(built.epoch.unwrap_or_else(now));
    let mut said = Vec::new();
    for files in images.files(&built.document)? {
        let mut inventory = Inventory::default();
        files.read(
            MAX_FILE,
            |path| Interest::of(path).is_some(),
            |path, content| {
                if let Some(interest) = Interest::of(path) {
                    inventory.read(interest, path, content);
                }
            },
        )?;
        said.push(Attestation {
            platform: files.platform.clone(),
            predicate_type: KIND.to_owned(),
            predicate: inventory.spdx(&name, &created),
        });
    }
    Ok(said)
}
