//! What is said about an image, beside it in its index, the way BuildKit attaches it: one more
//! manifest for no platform, whose annotations name the image's manifest, and whose layers are
//! in-toto statements about that.

use std::fmt::Write as _;

use lapstrake_oci::{Descriptor, Digest, Extra, Manifest, MediaType, Platform, Reference};
use serde_json::{Value, json};

use crate::Error;

const PAYLOAD: &str = "application/vnd.in-toto+json";
const STATEMENT: &str = "https://in-toto.io/Statement/v0.1";

/// Something that is said about an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Attestation {
    /// What the image is for, of which it is said.
    pub platform: Platform,
    /// What kind of thing it is (in-toto's predicate type).
    pub predicate_type: String,
    /// The thing.
    pub predicate: Value,
}

impl Attestation {
    /// The in-toto statement that says it of files, each a path and a digest.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn about_files(&self, files: &[(String, Digest)]) -> Result<Vec<u8>, Error> {
        let subject = |(path, digest): &(String, Digest)| json!({ "name": path, "digest": { "sha256": digest.hex() } });
        self.statement(files.iter().map(subject).collect())
    }

    fn statement(&self, subjects: Vec<Value>) -> Result<Vec<u8>, Error> {
        let statement = json!({
            "_type": STATEMENT,
            "predicateType": self.predicate_type,
            "subject": subjects,
            "predicate": self.predicate,
        });
        encode("a statement", &statement)
    }
}

/// A manifest of attestations with all that belongs to it.
pub(crate) struct Attested {
    pub(crate) manifest: (Descriptor, Vec<u8>),
    /// Config and statements.
    pub(crate) blobs: Vec<(Descriptor, Vec<u8>)>,
}

/// The manifest of what `attestations` say about the image with this manifest, which has `names`;
/// `None` when they say nothing.
pub(crate) fn attest(
    image: &Descriptor,
    names: &[Reference],
    attestations: &[Attestation],
) -> Result<Option<Attested>, Error> {
    let platform = image.platform.as_ref().map(Platform::normalized);
    let about = |said: &&Attestation| Some(said.platform.normalized()) == platform;
    let mut blobs = Vec::new();
    for said in attestations.iter().filter(about) {
        let bytes = said.statement(subjects(image, names))?;
        let mut layer = Descriptor::of(MediaType::Other(PAYLOAD.to_owned()), &bytes);
        let kind = ("in-toto.io/predicate-type".to_owned(), said.predicate_type.clone());
        layer.annotations.extend([kind]);
        blobs.push((layer, bytes));
    }
    if blobs.is_empty() {
        return Ok(None);
    }
    let layers: Vec<Descriptor> = blobs.iter().map(|(layer, _)| layer.clone()).collect();
    let config = encode("a config", &config(&layers))?;
    let described = Descriptor::of(MediaType::OciConfig, &config);
    let manifest = Manifest::new(MediaType::OciManifest, described.clone(), layers);
    let bytes = manifest.to_bytes().map_err(Error::document("the attestations"))?;
    blobs.push((described, config));
    let mut entry = Descriptor::of(MediaType::OciManifest, &bytes);
    entry.platform = Some(nowhere());
    entry.annotations.extend([
        ("vnd.docker.reference.digest".to_owned(), image.digest.to_string()),
        ("vnd.docker.reference.type".to_owned(), "attestation-manifest".to_owned()),
    ]);
    Ok(Some(Attested { manifest: (entry, bytes), blobs }))
}

/// The platform of what runs on none.
fn nowhere() -> Platform {
    let unknown = || "unknown".to_owned();
    Platform { architecture: unknown(), os: unknown(), ..Platform::default() }
}

/// What readers of images expect beside layers.
fn config(layers: &[Descriptor]) -> Value {
    let diff_ids: Vec<String> = layers.iter().map(|layer| layer.digest.to_string()).collect();
    json!({
        "architecture": "unknown",
        "os": "unknown",
        "config": Extra::new(),
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    })
}

/// The image under each of its names; in-toto's `_` for one without.
fn subjects(image: &Descriptor, names: &[Reference]) -> Vec<Value> {
    let digest = json!({ "sha256": image.digest.hex() });
    let subject = |name: String| json!({ "name": name, "digest": digest });
    match names {
        [] => vec![subject("_".to_owned())],
        names => {
            names.iter().map(|name| subject(package_url(name, image.platform.as_ref()))).collect()
        }
    }
}

/// The package URL of an image (purl specification, type docker).
pub fn package_url(name: &Reference, platform: Option<&Platform>) -> String {
    let familiar = name.familiar_name();
    let parts: Vec<String> = familiar.split('/').map(escaped).collect();
    let tag = escaped(name.tag().unwrap_or("latest"));
    let platform = platform.map(|platform| format!("?platform={}", escaped(&platform.to_string())));
    format!("pkg:docker/{}@{tag}{}", parts.join("/"), platform.unwrap_or_default())
}

/// All but letters, digits and `-._~` as percent signs with two digits.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => escaped.push(char::from(byte)),
            // Writing to a string does not fail.
            byte => drop(write!(escaped, "%{byte:02X}")),
        }
    }
    escaped
}

fn encode(what: &'static str, value: &Value) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|source| Error::Encode { what, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the purl specification's examples and BuildKit's tests.
    #[test]
    fn package_urls() {
        let url = |name: &str, platform: Option<&str>| {
            let platform = platform.map(|platform| platform.parse().unwrap());
            package_url(&Reference::parse(name).unwrap(), platform.as_ref())
        };
        assert_eq!(url("alpine", None), "pkg:docker/alpine@latest");
        assert_eq!(
            url("foo/bar:v1", Some("linux/arm64")),
            "pkg:docker/foo/bar@v1?platform=linux%2Farm64"
        );
        assert_eq!(url("localhost:5000/a/b:1", None), "pkg:docker/localhost%3A5000/a/b@1");
    }
}
