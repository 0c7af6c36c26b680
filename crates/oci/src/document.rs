//! Telling manifests and indexes apart, and refusing what could be both (CVE-2021-41190).

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::descriptor::Descriptor;
use crate::error::{Ambiguity, DocumentKind, Error, excerpt};
use crate::index::Index;
use crate::json;
use crate::manifest::Manifest;
use crate::media_type::MediaType;

/// The largest manifest, index or config that is read, in bytes (distribution-spec: at least 4 MB).
pub const MAX_DOCUMENT_SIZE: usize = 4 * 1024 * 1024;
/// The most layers that an image may have. Docker stops at 127.
pub const MAX_LAYERS: usize = 4096;
/// The most entries that an index may have.
pub const MAX_MANIFESTS: usize = 16_384;
/// How many indexes may stand above a manifest.
pub const MAX_INDEX_DEPTH: usize = 4;

/// What a registry answers when it is asked for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// One image.
    Manifest(Box<Manifest>),
    /// An image for several platforms.
    Index(Box<Index>),
}

impl Document {
    /// Reads a manifest or an index. `served_as` is the `Content-Type` it came with, or the media type
    /// of the descriptor that led to it; one that says nothing (`application/json`) counts as none.
    ///
    /// # Errors
    /// When it is too large, no JSON, of another schema, has fields of both kinds, a field twice
    /// (also but for letter case, which Go's reader ignores), a media type that does not fit its
    /// fields, or another one than `served_as`.
    pub fn parse(bytes: &[u8], served_as: Option<&MediaType>) -> Result<Self, Error> {
        json::check_size(DocumentKind::Any, bytes)?;
        let outline: Outline = json::read(DocumentKind::Any, bytes)?;
        match outline.kind(served_as)? {
            DocumentKind::Index => read_index(bytes).map(|index| Self::Index(Box::new(index))),
            _ => read_manifest(bytes).map(|manifest| Self::Manifest(Box::new(manifest))),
        }
    }

    /// What it turned out to be.
    pub fn kind(&self) -> DocumentKind {
        match self {
            Self::Manifest(_) => DocumentKind::Manifest,
            Self::Index(_) => DocumentKind::Index,
        }
    }

    /// The media type that stands in it, or OCI's when none does.
    pub fn media_type(&self) -> MediaType {
        let (stated, default) = match self {
            Self::Manifest(manifest) => (&manifest.media_type, MediaType::OciManifest),
            Self::Index(index) => (&index.media_type, MediaType::OciIndex),
        };
        stated.clone().unwrap_or(default)
    }
}

fn read_manifest(bytes: &[u8]) -> Result<Manifest, Error> {
    let document = DocumentKind::Manifest;
    let manifest: Manifest = json::read(document, bytes)?;
    json::check_count(document, "layers", manifest.layers.len(), MAX_LAYERS)?;
    let descriptors = manifest.layers.iter().chain([&manifest.config]).chain(&manifest.subject);
    check_descriptors(document, descriptors)?;
    Ok(manifest)
}

fn read_index(bytes: &[u8]) -> Result<Index, Error> {
    let document = DocumentKind::Index;
    let index: Index = json::read(document, bytes)?;
    json::check_count(document, "manifests", index.manifests.len(), MAX_MANIFESTS)?;
    check_descriptors(document, index.manifests.iter().chain(&index.subject))?;
    Ok(index)
}

const DESCRIPTOR_FIELDS: [&str; 8] =
    ["mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"];

fn check_descriptors<'a>(
    document: DocumentKind,
    descriptors: impl Iterator<Item = &'a Descriptor>,
) -> Result<(), Error> {
    for descriptor in descriptors {
        for key in descriptor.extra.keys() {
            if same_for_go(key, &DESCRIPTOR_FIELDS).is_some() {
                return Err(ambiguous(document, Ambiguity::Repeated { field: excerpt(key) }));
            }
        }
    }
    Ok(())
}

/// The top-level fields by which readers tell documents apart.
const TELLING_FIELDS: [&str; 6] =
    ["schemaVersion", "mediaType", "config", "layers", "manifests", "fsLayers"];

/// What there is on the top level of a document.
struct Outline {
    schema_version: Option<u64>,
    media_type: Option<MediaType>,
    fields: Vec<&'static str>,
    repeated: Option<String>,
}

impl Outline {
    fn kind(self, served_as: Option<&MediaType>) -> Result<DocumentKind, Error> {
        if let Some(field) = self.repeated {
            return Err(ambiguous(DocumentKind::Any, Ambiguity::Repeated { field }));
        }
        for (first, second) in [
            ("layers", "manifests"),
            ("config", "manifests"),
            ("fsLayers", "layers"),
            ("fsLayers", "manifests"),
        ] {
            if self.has(first) && self.has(second) {
                return Err(ambiguous(DocumentKind::Any, Ambiguity::Fields { first, second }));
            }
        }
        self.check_schema()?;
        let kind = match (self.has("layers"), self.has("manifests")) {
            (true, _) => DocumentKind::Manifest,
            (_, true) => DocumentKind::Index,
            _ => return Err(ambiguous(DocumentKind::Any, Ambiguity::Neither)),
        };
        check_media_type(kind, self.media_type, served_as)?;
        Ok(kind)
    }

    fn has(&self, field: &str) -> bool {
        self.fields.contains(&field)
    }

    fn check_schema(&self) -> Result<(), Error> {
        let stated = self.schema_version.unwrap_or(if self.has("fsLayers") { 1 } else { 0 });
        match stated {
            2 => Ok(()),
            version => Err(Error::Schema { document: DocumentKind::Any, version }),
        }
    }
}

fn check_media_type(
    kind: DocumentKind,
    stated: Option<MediaType>,
    served_as: Option<&MediaType>,
) -> Result<(), Error> {
    let served = served_as.filter(|media_type| !media_type.is_generic());
    if let (Some(stated), Some(served)) = (&stated, served)
        && stated != served
    {
        let reason = Ambiguity::ContentType { stated: stated.clone(), served: served.clone() };
        return Err(ambiguous(kind, reason));
    }
    let Some(stated) = stated.as_ref().or(served) else {
        return Ok(());
    };
    let fits = match kind {
        DocumentKind::Index => stated.is_index(),
        _ => stated.is_manifest(),
    };
    if !fits {
        let reason = Ambiguity::MediaType { stated: stated.clone(), found: kind };
        return Err(ambiguous(kind, reason));
    }
    Ok(())
}

fn ambiguous(document: DocumentKind, reason: Ambiguity) -> Error {
    Error::Ambiguous { document, reason }
}

/// The field that Go's JSON reader would take `key` for: it ignores case, also of the two letters
/// outside of ASCII that fold to ASCII ones.
fn same_for_go(key: &str, fields: &[&'static str]) -> Option<&'static str> {
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    let folded = key.chars().map(fold);
    fields.iter().find(|field| folded.clone().eq(field.chars().map(fold))).copied()
}

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OutlineVisitor)
    }
}

struct OutlineVisitor;

impl<'de> Visitor<'de> for OutlineVisitor {
    type Value = Outline;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outline, A::Error> {
        let mut outline =
            Outline { schema_version: None, media_type: None, fields: Vec::new(), repeated: None };
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let Some(field) = same_for_go(&key, &TELLING_FIELDS) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if *key != *field || outline.has(field) {
                outline.repeated = Some(excerpt(&key));
            }
            outline.fields.push(field);
            match field {
                "schemaVersion" => outline.schema_version = Some(map.next_value()?),
                "mediaType" => outline.media_type = map.next_value()?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(outline)
    }
}
