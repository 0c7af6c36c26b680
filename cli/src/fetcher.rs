//! Base images for a build: from the store, from registries, from image layouts.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lapstrake_cache::Store;
use lapstrake_image::{
    Choice, Destination, Error as ImageError, Form, Images, Located, Packing,
    Progress as ImageEvent, Remote, ResolvedImage,
};
use lapstrake_oci::{Descriptor, Digest, Reference};
use lapstrake_solver::event::ImageProgress;
use lapstrake_solver::image::{BaseImage, ImageName, ImageSource, Place};

use crate::failure::Failure;
use crate::images::{self, event_of};

/// Image layouts that are named contexts, by the context's name.
pub(crate) type Layouts = BTreeMap<String, (PathBuf, Choice)>;

/// Base images for a build.
pub(crate) struct Fetcher<'a> {
    images: Images<'a>,
    pull: bool,
    layouts: Layouts,
    wanted: Layers,
    /// Images whose layers are still in their registries.
    remote: Mutex<BTreeMap<String, Arc<Remote>>>,
    /// The store that images of registries are copied from.
    behind: Option<(Images<'a>, &'a Store)>,
    /// What was found so far.
    used: Mutex<Vec<Used>>,
}

/// A base image that a build found.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    pub(crate) name: ImageName,
    /// Of its manifest.
    pub(crate) digest: Digest,
}

impl<'a> Fetcher<'a> {
    /// With `pull`, registries are asked even for what is here.
    pub(crate) fn new(store: &'a Store, pull: bool, layouts: Layouts) -> Result<Self, Failure> {
        Ok(Self {
            images: images::anywhere(store)?,
            pull,
            layouts,
            wanted: Layers::AtOnce,
            remote: Mutex::default(),
            behind: None,
            used: Mutex::default(),
        })
    }

    /// The base images that were found.
    pub(crate) fn used(self) -> Vec<Used> {
        self.used.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, which has the images of registries from another store, if one is given.
    pub(crate) fn behind(self, other: Option<&'a Store>) -> Result<Self, Failure> {
        let behind =
            other.map(|store| Ok::<_, Failure>((images::anywhere(store)?, store))).transpose()?;
        Ok(Self { behind, ..self })
    }

    /// The same for who only wants to know of images.
    pub(crate) fn without_layers(self) -> Self {
        Self { wanted: Layers::Never, ..self }
    }

    /// The same for images that go to these names and nowhere else: layers of images in registries stay
    /// there until they are asked for.
    pub(crate) fn bound_for(self, names: Vec<Reference>, form: Form) -> Self {
        Self { wanted: Layers::OnDemand { names, form }, ..self }
    }

    /// How layers leave for where the images go; `None` when they are wanted here.
    pub(crate) fn packing(&self) -> Option<Packing> {
        match &self.wanted {
            Layers::OnDemand { form, .. } => Some(form.packing),
            Layers::AtOnce | Layers::Never => None,
        }
    }

    /// Of each blob, whether it is already where the images go.
    pub(crate) fn delivered(&self, blobs: &[Descriptor]) -> Vec<bool> {
        match &self.wanted {
            // What cannot be known is brought here, and so can be sent.
            Layers::OnDemand { names, form } => {
                self.images.delivered(names, form, blobs).unwrap_or_default()
            }
            Layers::AtOnce | Layers::Never => Vec::new(),
        }
    }

    fn fetch(
        &self,
        name: &ImageName,
        report: &(dyn Fn(ImageEvent) + Sync),
    ) -> Result<ResolvedImage, ImageError> {
        let (platform, pull) = (&name.platform, self.pull);
        match (&name.place, &self.behind) {
            (Place::Registry(reference), Some((others, store))) => {
                let image = others.resolve(reference, platform, pull, report)?;
                let folder = store.temporary()?;
                let (form, layout) = (Form::default(), Destination::Folder(folder.path()));
                others.save_image(&image.digest, &[], &form, layout)?;
                let choice = Choice::Digest(image.digest);
                self.images.layout(folder.path(), &choice, platform, report)
            }
            (Place::Registry(reference), None) => match self.wanted {
                Layers::Never => self.images.describe(reference, platform, pull, report),
                Layers::AtOnce => self.images.resolve(reference, platform, pull, report),
                Layers::OnDemand { .. } => self.locate(name, reference, report),
            },
            (Place::Layout(context), _) => match self.layouts.get(context) {
                Some((folder, choice)) => self.images.layout(folder, choice, platform, report),
                None => Err(ImageError::NoSuchImage { name: context.clone() }),
            },
        }
    }
}

impl Fetcher<'_> {
    fn locate(
        &self,
        name: &ImageName,
        reference: &Reference,
        report: &(dyn Fn(ImageEvent) + Sync),
    ) -> Result<ResolvedImage, ImageError> {
        match self.images.locate(reference, &name.platform, self.pull, report)? {
            Located::Here(image) => Ok(*image),
            Located::There(remote) => {
                self.images.note_place(&remote)?;
                let image = remote.image.clone();
                self.remote().insert(key(name), Arc::from(remote));
                report(ImageEvent::Ready { digest: image.digest });
                Ok(image)
            }
        }
    }

    fn remote(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Remote>>> {
        self.remote.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(name: &ImageName) -> String {
    format!("{} {}", name.place, name.platform)
}

/// When the layers of images in registries are brought.
#[derive(Debug)]
enum Layers {
    /// With their configs.
    AtOnce,
    /// When somebody needs their bytes, because a command does or because they are not where the images
    /// go.
    OnDemand { names: Vec<Reference>, form: Form },
    /// Not at all.
    Never,
}

impl ImageSource for Fetcher<'_> {
    fn resolve(
        &self,
        name: &ImageName,
        progress: &(dyn Fn(ImageProgress) + Sync),
    ) -> Result<BaseImage, Box<dyn Error + Send + Sync>> {
        let image = self.fetch(name, &|event| progress(event_of(event)))?;
        let used = Used { name: name.clone(), digest: image.digest };
        self.used.lock().unwrap_or_else(PoisonError::into_inner).push(used);
        Ok(BaseImage { digest: image.digest, manifest: image.manifest, config: image.config })
    }

    fn bring(
        &self,
        name: &ImageName,
        progress: &(dyn Fn(ImageProgress) + Sync),
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let Some(remote) = self.remote().get(&key(name)).cloned() else { return Ok(()) };
        self.images.take(&remote, &|event| progress(event_of(event)))?;
        Ok(())
    }
}
