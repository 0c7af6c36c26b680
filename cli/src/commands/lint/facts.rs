//! What the store of this machine knows of the images that Dockerfiles start from. No network is asked, and
//! the store is neither made nor written.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use lapstrake_cache::Store;
use lapstrake_image::ResolvedImage;
use lapstrake_linter::{Base, Known, KnownStage};
use lapstrake_oci::Reference;
use lapstrake_parser::Dockerfile;

use crate::images;
use crate::session::Session;

/// An image, if the store has it.
type Image = Option<Arc<ResolvedImage>>;

/// The images of the store, each looked for once.
pub(super) struct Facts {
    store: Store,
    found: Mutex<BTreeMap<(String, String), Image>>,
}

/// What is known of the stages of a file.
#[derive(Default)]
pub(super) struct Stages {
    /// The image that each starts from, if it is one that is known.
    bases: Vec<Image>,
}

impl Facts {
    /// Nothing where there is no store.
    pub(super) fn new(session: &Session) -> Option<Self> {
        Some(Self { store: session.existing()?, found: Mutex::default() })
    }

    /// What is known of the stages of a file.
    pub(super) fn stages(
        &self,
        source: &str,
        dockerfile: &Dockerfile,
        known: &Known<'_>,
    ) -> Stages {
        let mut stages = Stages::default();
        for base in lapstrake_linter::bases(source, dockerfile, known) {
            stages.bases.resize(base.stage, None);
            stages.bases.push(self.image(&base));
        }
        stages
    }

    fn image(&self, base: &Base) -> Image {
        let name = (base.name.clone(), base.platform.to_string());
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let image = found.entry(name).or_insert_with(|| self.look_up(base).map(Arc::new));
        image.clone()
    }

    /// What cannot be read is for the build to tell.
    fn look_up(&self, base: &Base) -> Option<ResolvedImage> {
        let reference = Reference::parse(&base.name).ok()?;
        let is_here =
            reference.digest().is_some() || self.store.tag(&reference.to_string()).ok()?.is_some();
        // An image can be found by its id as well, which FROM does not take.
        is_here.then(|| images::local(&self.store).find_for(&base.name, &base.platform).ok())?
    }
}

impl Stages {
    /// True if at least one image is known.
    pub(super) fn know_something(&self) -> bool {
        self.bases.iter().any(Option::is_some)
    }

    /// The same for the rules.
    pub(super) fn known(&self) -> Vec<KnownStage<'_>> {
        let bases = self.bases.iter();
        let configs = bases.map(|image| image.as_ref().map(|image| &image.config));
        configs.map(|base| KnownStage { needed: true, base }).collect()
    }
}
