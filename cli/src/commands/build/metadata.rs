//! `--metadata-file`: what was built, with the keys that buildx writes.

use lapstrake_image::Images;
use lapstrake_oci::{Digest, Reference};
use lapstrake_solver::Built;
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// The file's content. `document` is the manifest or index as it left, or as the store has it.
pub(super) fn of(
    built: &Built,
    document: &Digest,
    names: &[Reference],
    images: &Images<'_>,
) -> Result<String, Failure> {
    let mut metadata = Map::new();
    if built.id != built.document {
        metadata.insert("containerimage.config.digest".into(), json!(built.id.to_string()));
    }
    if *document == built.document {
        let descriptor = images.describe_stored(document)?;
        metadata.insert("containerimage.descriptor".into(), json!(descriptor));
    }
    metadata.insert("containerimage.digest".into(), json!(document.to_string()));
    if !names.is_empty() {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        metadata.insert("image.name".into(), json!(names.join(",")));
    }
    Ok(format!("{:#}\n", Value::Object(metadata)))
}
