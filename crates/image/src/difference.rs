//! What differs between two images that should be the same.

use std::collections::BTreeMap;
use std::fmt;

use lapstrake_oci::{Digest, ImageConfig};
use lapstrake_rootfs::{Entry, Kind, LayerId, LayerManifest, TreePath};
use serde_json::Value;

use crate::{Error, Images, LayerFault, ResolvedImage};

/// In what a file, or a config, differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// Only one of them has it.
    Presence,
    /// One is a file and the other a link, for example.
    Kind,
    /// The bytes, or where a link leads.
    Content,
    /// Permissions.
    Mode,
    /// Owner or group.
    Owner,
    /// Extended attributes.
    Attributes,
    /// When it was last changed, in whole seconds: what an archive of the layer keeps.
    Time,
}

impl fmt::Display for Aspect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Presence => "only in one",
            Self::Kind => "kind",
            Self::Content => "content",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Attributes => "attributes",
            Self::Time => "time",
        })
    }
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A file of a layer.
    File {
        /// What made the layer, as the history says.
        step: String,
        /// The path in the image.
        path: TreePath,
        /// In what; not empty.
        aspects: Vec<Aspect>,
    },
    /// A field of the config.
    Config {
        /// Its name.
        field: String,
    },
    /// They have not the same number of layers, or of images.
    Count,
}

/// What differs between an image, or an index of images, of one store and one of another, in the
/// order of images, layers and paths.
///
/// # Errors
/// When one is not there as a whole.
pub fn differences(
    (images, document): (&Images<'_>, &Digest),
    (other_images, other): (&Images<'_>, &Digest),
) -> Result<Vec<Difference>, Error> {
    let (one, two) = (images.root(document)?.images, other_images.root(other)?.images);
    let mut found = Vec::new();
    if one.len() != two.len() {
        found.push(Difference::Count);
    }
    for (one, two) in one.iter().zip(&two).filter(|(one, two)| one.digest != two.digest) {
        compare_layers((images, one), (other_images, two), &mut found)?;
        compare_configs(&one.config, &two.config, &mut found)?;
    }
    Ok(found)
}

fn compare_layers(
    (images, image): (&Images<'_>, &ResolvedImage),
    (other_images, other): (&Images<'_>, &ResolvedImage),
    found: &mut Vec<Difference>,
) -> Result<(), Error> {
    if image.manifest.layers.len() != other.manifest.layers.len() {
        found.push(Difference::Count);
    }
    let mut steps = image.config.history.iter().filter(|step| !step.empty_layer);
    for ((_, one), (_, two)) in image.layers().zip(other.layers()) {
        let step = steps.next().map_or("", |step| step.created_by.as_str());
        if one == two {
            continue;
        }
        let (one, two) = (images.manifest_of(&one)?, other_images.manifest_of(&two)?);
        let differing = differing(&one, &two).into_iter();
        found.extend(differing.map(|(path, aspects)| Difference::File {
            step: step.to_owned(),
            path,
            aspects,
        }));
    }
    Ok(())
}

impl Images<'_> {
    pub(crate) fn manifest_of(
        &self,
        diff_id: &Digest,
    ) -> Result<std::sync::Arc<LayerManifest>, Error> {
        let missing = || LayerFault::Missing.of(*diff_id);
        let id = self.store.locate(&LayerId::Image(*diff_id))?.ok_or_else(missing)?;
        Ok(self.store.layer(&id)?.ok_or_else(missing)?.manifest)
    }
}

/// The paths that differ, in their order.
fn differing(one: &LayerManifest, two: &LayerManifest) -> Vec<(TreePath, Vec<Aspect>)> {
    let mut paths: BTreeMap<&TreePath, [Option<&Entry>; 2]> = BTreeMap::new();
    for entry in one.entries() {
        paths.entry(&entry.path).or_default()[0] = Some(entry);
    }
    for entry in two.entries() {
        paths.entry(&entry.path).or_default()[1] = Some(entry);
    }
    let differing = paths.into_iter().map(|(path, pair)| {
        let aspects = match pair {
            [Some(one), Some(two)] => aspects(one, two),
            _ => vec![Aspect::Presence],
        };
        (path.clone(), aspects)
    });
    differing.filter(|(_, aspects)| !aspects.is_empty()).collect()
}

fn aspects(one: &Entry, two: &Entry) -> Vec<Aspect> {
    let is_same_kind = std::mem::discriminant(&one.kind) == std::mem::discriminant(&two.kind);
    let is_whiteout = matches!((&one.kind, &two.kind), (Kind::Whiteout, Kind::Whiteout));
    let all = [
        (Aspect::Kind, !is_same_kind),
        (Aspect::Content, is_same_kind && one.kind != two.kind),
        (Aspect::Mode, one.mode != two.mode),
        (Aspect::Owner, (one.uid, one.gid) != (two.uid, two.gid)),
        (Aspect::Attributes, one.xattrs != two.xattrs),
        (Aspect::Time, one.mtime.seconds != two.mtime.seconds && !is_whiteout),
    ];
    all.into_iter().filter(|(_, differs)| *differs).map(|(aspect, _)| aspect).collect()
}

/// The fields of the configs that differ, but for the diff ids, which layers explain.
fn compare_configs(
    one: &ImageConfig,
    two: &ImageConfig,
    found: &mut Vec<Difference>,
) -> Result<(), Error> {
    let fields = |config: &ImageConfig| {
        let value = serde_json::to_value(config);
        value.map_err(|source| Error::Encode { what: "the config", source })
    };
    let (Value::Object(one), Value::Object(two)) = (fields(one)?, fields(two)?) else {
        return Ok(());
    };
    let mut names: Vec<&String> = one.keys().chain(two.keys()).collect();
    names.sort();
    names.dedup();
    let differing = names.into_iter().filter(|name| one.get(*name) != two.get(*name));
    let differing = differing.filter(|name| *name != "rootfs");
    found.extend(differing.map(|field| Difference::Config { field: field.clone() }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use lapstrake_rootfs::{ContentHash, Timestamp};

    use super::*;

    fn file(path: &str, content: &[u8]) -> Entry {
        let kind = Kind::File { size: content.len() as u64, content: ContentHash::of(content) };
        let mtime = Timestamp { seconds: 5, nanoseconds: 7 };
        Entry { kind, mode: 0o644, ..Entry::directory(TreePath::from(path), mtime) }
    }

    fn found(one: Vec<Entry>, two: Vec<Entry>) -> Vec<(String, Vec<Aspect>)> {
        let found = differing(&LayerManifest::new(one), &LayerManifest::new(two)).into_iter();
        found.map(|(path, aspects)| (path.to_string(), aspects)).collect()
    }

    #[test]
    fn what_differs_is_named() {
        let later = |seconds, nanoseconds| Timestamp { seconds, nanoseconds };
        let one = file("a", b"x");
        assert_eq!(found(vec![one.clone()], vec![one.clone()]), []);
        let nearly = Entry { mtime: later(5, 8), ..one.clone() };
        assert_eq!(found(vec![one.clone()], vec![nearly]), []);
        let two = Entry { mtime: later(6, 7), mode: 0o600, uid: 1, ..file("a", b"y") };
        let all = vec![Aspect::Content, Aspect::Mode, Aspect::Owner, Aspect::Time];
        assert_eq!(found(vec![one.clone()], vec![two]), [("/a".to_owned(), all)]);
        let link = Entry { kind: Kind::Symlink { target: b"x".to_vec() }, ..one.clone() };
        assert_eq!(found(vec![one.clone()], vec![link]), [("/a".to_owned(), vec![Aspect::Kind])]);
        assert_eq!(
            found(vec![one.clone(), file("b", b"")], vec![file("0", b""), one]),
            [("/0".to_owned(), vec![Aspect::Presence]), ("/b".to_owned(), vec![Aspect::Presence])]
        );
    }
}
