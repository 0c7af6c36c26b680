//! OCI image layouts: `index.json` and blobs under their digests (image-spec, image-layout.md).

use std::collections::BTreeMap;

use lapstrake_oci::{
    Descriptor, Digest, Document, ImageConfig, Index, MAX_INDEX_DEPTH, Manifest, Platform,
    Reference,
};

use super::{Archive, Offered, excerpt, refused};
use crate::layout::Choice;
use crate::stored::check_kind;
use crate::{Error, ResolvedImage};

/// The annotation that containerd and Docker put a full image name in.
const NAME: &str = "io.containerd.image.name";
/// The OCI annotation for the tag; some tools put a whole name in it.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The images that `index.json` names. Attestations and artifacts are left out.
pub(super) fn images(archive: &Archive, platform: &Platform) -> Result<Vec<Offered>, Error> {
    let index = index(archive)?;
    let mut offered: Vec<Offered> = Vec::new();
    for (name, descriptors) in by_name(&index) {
        for descriptor in choose(&name, descriptors, platform)? {
            let Some(image) = image(archive, &descriptor, platform)? else { continue };
            match offered.iter_mut().find(|known| known.manifest_bytes == image.manifest_bytes) {
                Some(known) => known.names.extend(name.clone()),
                None => offered.push(Offered { names: name.iter().cloned().collect(), ..image }),
            }
        }
    }
    if offered.is_empty() {
        return Err(refused("its index.json names no image"));
    }
    Ok(offered)
}

/// The image that `choice` picks.
pub(super) fn chosen(
    archive: &Archive,
    choice: &Choice,
    platform: &Platform,
) -> Result<Offered, Error> {
    let descriptor = match choice {
        Choice::Digest(digest) => unlisted(archive, *digest)?,
        Choice::Tag(tag) => listed(&index(archive)?, Some(tag))?,
        Choice::Only => listed(&index(archive)?, None)?,
    };
    let image = image(archive, &descriptor, platform)?;
    image.ok_or_else(|| refused(format!("{} is no image but an artifact", descriptor.digest)))
}

/// A descriptor for what only its digest is known of.
fn unlisted(archive: &Archive, digest: Digest) -> Result<Descriptor, Error> {
    let bytes = archive.document(&digest)?;
    let bytes = bytes.ok_or_else(|| refused(format!("the layout has no blob {digest}")))?;
    let document = Document::parse(&bytes, None).map_err(Error::document(digest.to_string()))?;
    Ok(Descriptor::new(document.media_type(), digest, bytes.len() as u64))
}

/// The entry with that tag; without one the only entry, or the latest.
fn listed(index: &Index, tag: Option<&str>) -> Result<Descriptor, Error> {
    let images: Vec<&Descriptor> = index.manifests.iter().filter(|entry| is_image(entry)).collect();
    let tagged = |wanted: &str| {
        let is_wanted = |entry: &&Descriptor| tag_of(entry) == Some(wanted);
        images.iter().copied().find(is_wanted).cloned()
    };
    let found = match (tag, &images[..]) {
        (Some(tag), _) => tagged(tag),
        (None, [only]) => Some(Descriptor::clone(only)),
        (None, _) => tagged("latest"),
    };
    found.ok_or_else(|| {
        let mut tags: Vec<&str> = images.iter().filter_map(|entry| tag_of(entry)).collect();
        tags.dedup();
        let tags = match tags.is_empty() {
            true => "none".to_owned(),
            false => excerpt(&tags.join(", ")),
        };
        let wanted = tag.unwrap_or("latest");
        refused(format!("the layout has no image with the tag {wanted}; its tags are: {tags}"))
    })
}

fn tag_of(entry: &Descriptor) -> Option<&str> {
    entry.annotations.get(REF_NAME).map(String::as_str)
}

fn index(archive: &Archive) -> Result<Index, Error> {
    let bytes = archive.read("index.json")?.ok_or_else(|| refused("it has no index.json"))?;
    Index::parse(&bytes).map_err(Error::document("index.json of the archive"))
}

/// No attestation, and nothing unknown.
fn is_image(entry: &Descriptor) -> bool {
    let is_document = entry.media_type.is_manifest() || entry.media_type.is_index();
    is_document && !entry.is_attestation()
}

/// The entries of the index by the full name they have, those without one together.
fn by_name(index: &Index) -> BTreeMap<Option<String>, Vec<Descriptor>> {
    let mut groups: BTreeMap<Option<String>, Vec<Descriptor>> = BTreeMap::new();
    for descriptor in index.manifests.iter().filter(|entry| is_image(entry)) {
        groups.entry(name_of(descriptor)).or_default().push(descriptor.clone());
    }
    groups
}

/// A mere tag (`latest`) is no name: the repository is not known.
fn name_of(descriptor: &Descriptor) -> Option<String> {
    let annotation = |key: &str| descriptor.annotations.get(key);
    let is_full = |text: &&String| text.contains([':', '/']);
    let name = annotation(NAME).or_else(|| annotation(REF_NAME).filter(is_full))?;
    let reference = Reference::parse(name).ok()?;
    (reference.digest().is_none()).then(|| reference.to_string())
}

/// Of several entries with one name, the one for the platform; all that have none.
fn choose(
    name: &Option<String>,
    descriptors: Vec<Descriptor>,
    platform: &Platform,
) -> Result<Vec<Descriptor>, Error> {
    match name {
        Some(name) if descriptors.len() > 1 => {
            let media_type = lapstrake_oci::MediaType::OciIndex;
            let best = best(name, &Index::new(media_type, descriptors), platform)?;
            Ok(vec![best])
        }
        _ => Ok(descriptors),
    }
}

fn best(what: &str, index: &Index, platform: &Platform) -> Result<Descriptor, Error> {
    index.matching(platform).first().map(|best| Descriptor::clone(best)).ok_or_else(|| {
        let (wanted, offered) = (Box::new(platform.clone()), index.platforms());
        Error::NoPlatform { what: what.to_owned(), wanted, offered }
    })
}

/// The image that a descriptor leads to; `None` when it is an artifact.
fn image(
    archive: &Archive,
    descriptor: &Descriptor,
    platform: &Platform,
) -> Result<Option<Offered>, Error> {
    let mut descriptor = descriptor.clone();
    for _ in 0..=MAX_INDEX_DEPTH {
        let what = descriptor.digest.to_string();
        let bytes = archive.document(&descriptor.digest)?;
        let bytes = bytes.ok_or_else(|| refused(format!("the blob {what} is missing")))?;
        if bytes.len() as u64 != descriptor.size {
            return Err(refused(format!("the blob {what} has another size than announced")));
        }
        let document = Document::parse(&bytes, Some(&descriptor.media_type));
        match document.map_err(Error::document(&what))? {
            Document::Manifest(manifest) => return with_config(archive, *manifest, bytes),
            Document::Index(index) => descriptor = best(&what, &index, platform)?,
        }
    }
    let what = descriptor.digest.to_string();
    Err(Error::IndexDepth { what, limit: MAX_INDEX_DEPTH })
}

fn with_config(
    archive: &Archive,
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
) -> Result<Option<Offered>, Error> {
    if !manifest.config.media_type.is_config() {
        return Ok(None);
    }
    let digest = manifest.config.digest;
    check_kind("an image of the archive", &manifest)?;
    let config_bytes = archive.document(&digest)?;
    let config_bytes =
        config_bytes.ok_or_else(|| refused(format!("the config {digest} is missing")))?;
    Ok(Some(Offered { names: Vec::new(), manifest_bytes, manifest, config_bytes }))
}

impl Offered {
    /// The image, when its documents fit each other.
    pub(crate) fn resolve(&self) -> Result<ResolvedImage, Error> {
        let digest = lapstrake_oci::Digest::of(&self.manifest_bytes);
        let what = digest.to_string();
        let config = ImageConfig::parse(&self.config_bytes).map_err(Error::document(&what))?;
        ResolvedImage::new(&what, digest, self.manifest.clone(), config)
    }
}
