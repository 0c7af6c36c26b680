//! `rmi`: names go first; with the last one, what no other image needs.

use std::collections::BTreeSet;

use lapstrake_cache::Removal;
use lapstrake_oci::{Digest, Platform, Reference};
use lapstrake_rootfs::LayerId;

use crate::list::{ImageSummary, Names};
use crate::root::Root;
use crate::{Error, Images, ResolvedImage};

/// Something that was removed, in the order in which Docker tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// A name.
    Untagged(Reference),
    /// An image, by its id, or a layer, by its diff id.
    Deleted(Digest),
}

/// What [`Images::prune`] removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// In order.
    pub removed: Vec<Removed>,
    /// Bytes of the documents, archives and unpacked files of layers that went.
    pub freed: u64,
}

impl Images<'_> {
    /// Removes the name `name`, or the image with that id. With the last tag go the manifest, the
    /// config, and the blobs and layers that no other image has; of an index, all its images. Layers that were built here stay:
    /// action records lead to them.
    ///
    /// What a running process uses stays, without a name, for a later try or collection. When this value of the
    /// store has a lease, all of it does.
    ///
    /// # Errors
    /// As [`Images::find`]. [`Error::Conflict`] for an id whose image has several tags, or names
    /// in several repositories, unless `force`.
    pub fn remove(&self, name: &str, force: bool) -> Result<Vec<Removed>, Error> {
        let found = self.look_up(name)?;
        let images = self.root(&found.root)?.images;
        // Of an index, nothing need be here.
        let names = images.first().map(|image| self.names(&image.digest)).transpose()?;
        let names = names.unwrap_or_default();
        let untagged = match found.is_name {
            true => names_to_remove(name, &names),
            false => all_names(name, names, force)?,
        };
        // By an image's id go the indexes that it is in, and with them the other images there.
        let mut roots = BTreeSet::from([found.root]);
        let mut removed = Vec::new();
        for name in &untagged {
            let stored = name.to_string();
            roots.extend(self.store.tag(&stored)?.map(|tag| tag.manifest));
            if self.store.remove_tag(&stored)? {
                removed.push(Removed::Untagged(name.clone()));
            }
        }
        if let Some(removal) = self.store.removal()? {
            removed.extend(self.delete(&roots, &removal)?.removed);
        }
        Ok(removed)
    }

    /// Removes the images that `is_unwanted` says, with all their names, and what belongs to nothing else. An
    /// index goes when all its images here do. What a running process uses stays as it is, and layers that were
    /// built here stay, as with [`Images::remove`].
    ///
    /// # Errors
    /// [`Error::Busy`] when this value of the store has a lease; when the store cannot be read or written.
    pub fn prune(&self, is_unwanted: &dyn Fn(&ImageSummary) -> bool) -> Result<Pruned, Error> {
        let removal = self.store.removal()?.ok_or(Error::Busy)?;
        let images = self.list()?;
        let is_free = |image: &&ImageSummary| !removal.is_used(&image.manifest);
        let unwanted = images.iter().filter(is_free).filter(|image| is_unwanted(image));
        let mut roots: BTreeSet<Digest> = unwanted.map(|image| image.manifest).collect();
        let mut removed = Vec::new();
        for tag in self.store.tags()? {
            let images = self.root(&tag.manifest)?.images;
            let goes = images.iter().all(|image| roots.contains(&image.digest));
            if goes && !images.is_empty() && self.store.remove_tag(&tag.name)? {
                roots.insert(tag.manifest);
                removed.extend(Reference::parse(&tag.name).ok().map(Removed::Untagged));
            }
        }
        let deleted = self.delete(&roots, &removal)?;
        removed.extend(deleted.removed);
        Ok(Pruned { removed, freed: deleted.freed })
    }

    /// Removes the images for `platforms` of the index that `name` stands for. Its names stay, and a
    /// pull brings the images back. An image that is in no index goes as with [`Images::remove`].
    ///
    /// # Errors
    /// As [`Images::find`]; [`Error::NoPlatform`] when there is none for one of them, before anything
    /// is removed. [`Error::Shared`] when other tags lead to one of them, unless `force`.
    /// [`Error::Busy`] when this value of the store has a lease.
    pub fn remove_platforms(
        &self,
        name: &str,
        platforms: &[Platform],
        force: bool,
    ) -> Result<Vec<Removed>, Error> {
        let found = self.look_up(name)?;
        let Root { indexes, images, .. } = self.root(&found.root)?;
        let mut unwanted: Vec<&ResolvedImage> = Vec::new();
        for platform in platforms {
            let of = images.iter().filter(|image| platform.accepts(&image.config.platform()));
            let before = unwanted.len();
            unwanted.extend(of);
            if unwanted.len() == before {
                let offered = images.iter().map(|image| image.config.platform()).collect();
                let (what, wanted) = (name.to_owned(), Box::new(platform.clone()));
                return Err(Error::NoPlatform { what, wanted, offered });
            }
        }
        if indexes.is_empty() {
            return self.remove(name, force);
        }
        for image in &unwanted {
            let names = self.names(&image.digest)?;
            let others = all_other_names(&names, name);
            if !force && !others.is_empty() {
                let (platform, names) = (image.config.platform(), others.join(", "));
                return Err(Error::Shared { platform, names });
            }
        }
        let removal = self.store.removal()?.ok_or(Error::Busy)?;
        Ok(self.delete_images(&unwanted, &removal)?.removed)
    }

    /// Removes what belongs to nothing but these manifests and indexes, as far as nothing that has
    /// a name leads to it any more.
    fn delete(&self, roots: &BTreeSet<Digest>, removal: &Removal<'_>) -> Result<Pruned, Error> {
        let mut kept = BTreeSet::new();
        for tag in self.store.tags()? {
            let root = self.root(&tag.manifest)?;
            kept.extend(root.indexes);
            kept.extend(root.images.iter().map(|image| image.digest));
        }
        let (mut indexes, mut images) = (Vec::new(), Vec::new());
        for root in roots {
            let root = self.root(root)?;
            indexes.extend(root.indexes.into_iter().filter(|digest| !kept.contains(digest)));
            images.extend(root.images.into_iter().filter(|image| !kept.contains(&image.digest)));
        }
        for index in indexes {
            removal.blob(&index)?;
        }
        self.delete_images(&images.iter().collect::<Vec<_>>(), removal)
    }

    /// Removes what belongs to nothing but these images, and to no running process.
    fn delete_images(
        &self,
        images: &[&ResolvedImage],
        removal: &Removal<'_>,
    ) -> Result<Pruned, Error> {
        let images = images.iter().filter(|image| !removal.is_used(&image.digest));
        let images: Vec<&ResolvedImage> = images.copied().collect();
        let unwanted: BTreeSet<Digest> = images.iter().map(|image| image.digest).collect();
        let mut needed_blobs = BTreeSet::new();
        let mut needed_layers = BTreeSet::new();
        for other in self.all()?.iter().filter(|other| !unwanted.contains(&other.digest)) {
            needed_blobs.extend(blobs(other));
            needed_layers.extend(other.config.rootfs.diff_ids.iter().copied());
        }
        let (mut pruned, mut gone) = (Pruned::default(), BTreeSet::new());
        for image in images {
            // The manifest first: without it, what is left over belongs to nobody.
            for blob in blobs(image) {
                if !needed_blobs.contains(&blob) {
                    let size = std::fs::metadata(self.store.blob_path(&blob));
                    if removal.blob(&blob)? {
                        pruned.free(size.map_or(0, |file| file.len()));
                    }
                }
            }
            pruned.removed.push(Removed::Deleted(image.id()));
            for diff_id in image.config.rootfs.diff_ids.iter().rev() {
                if !needed_layers.contains(diff_id) && gone.insert(*diff_id) {
                    let id = LayerId::Image(*diff_id);
                    // One that was built here has another id, and stays.
                    let is_here = self.store.locate(&id)? == Some(id);
                    let size = self.store.layer_size(&id)?.unwrap_or_default();
                    if removal.layer(&id)? {
                        pruned.free(if is_here { size } else { 0 });
                        pruned.removed.push(Removed::Deleted(*diff_id));
                    }
                }
            }
        }
        Ok(pruned)
    }
}

impl Pruned {
    fn free(&mut self, bytes: u64) {
        self.freed = self.freed.saturating_add(bytes);
    }
}

/// The name itself, and with the last tag of its repository also the registry's digests there.
fn names_to_remove(name: &str, names: &Names) -> Vec<Reference> {
    let Ok(wanted) = Reference::parse(name) else {
        return Vec::new();
    };
    let wanted = match wanted.digest() {
        Some(digest) => wanted.with_digest(digest),
        None => wanted,
    };
    let same_repository = |other: &&Reference| other.name() == wanted.name();
    let is_last = !names.tags.iter().filter(same_repository).any(|other| *other != wanted);
    let mut remove = vec![wanted.clone()];
    if is_last {
        let digests = names.digests.iter().filter(same_repository);
        remove.extend(digests.filter(|other| **other != wanted).cloned());
    }
    remove
}

/// The tags that are not `name`.
fn all_other_names(names: &Names, name: &str) -> Vec<String> {
    let own = Reference::parse(name).ok();
    let others = names.tags.iter().filter(|other| Some(*other) != own.as_ref());
    others.map(Reference::familiar).collect()
}

/// All names, when that cannot surprise anyone.
fn all_names(id: &str, names: Names, force: bool) -> Result<Vec<Reference>, Error> {
    let all: Vec<Reference> = names.tags.iter().chain(&names.digests).cloned().collect();
    let repositories: BTreeSet<String> = all.iter().map(Reference::name).collect();
    if !force && (names.tags.len() > 1 || repositories.len() > 1) {
        let names: Vec<String> = all.iter().map(Reference::familiar).collect();
        return Err(Error::Conflict { id: id.to_owned(), names: names.join(", ") });
    }
    Ok(all)
}

pub(crate) fn blobs(image: &ResolvedImage) -> Vec<Digest> {
    let layers = image.manifest.layers.iter().map(|layer| layer.digest);
    [image.digest, image.id()].into_iter().chain(layers).collect()
}
