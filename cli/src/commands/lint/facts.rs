//! What the store of this machine knows of the images that Dockerfiles start from. No network is asked, and
//! the store is neither made nor written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use lapstrake_cache::Store;
use lapstrake_image::ResolvedImage;
use lapstrake_linter::{Base, Files, HEAD, Known, KnownStage};
use lapstrake_oci::Reference;
use lapstrake_parser::Dockerfile;
use lapstrake_rootfs::{LayerId, TreePath, View, read};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::images;
use crate::session::Session;

/// The images of the store, each looked for once.
pub(super) struct Facts {
    store: Store,
    /// By name and platform.
    found: Mutex<BTreeMap<(String, String), Found>>,
}

/// An image, if the store has it.
type Found = Option<Arc<Image>>;

/// Reads the beginning of a file.
type Head<'f> = Box<dyn Fn(&TreePath) -> Option<Vec<u8>> + Sync + 'f>;

/// An image of the store.
struct Image {
    resolved: ResolvedImage,
    /// What it holds, once somebody asked; nothing if a layer of it is not unpacked.
    tree: OnceLock<Option<Tree>>,
}

/// What a stack of layers holds.
#[derive(Clone)]
struct Tree {
    view: View,
    /// Where each of its layers is.
    folders: Vec<PathBuf>,
}

/// What is known of the stages of a file.
#[derive(Default)]
pub(super) struct Stages<'f> {
    /// The image that each starts from, if it is one that is known.
    bases: Vec<Option<Origin<'f>>>,
}

/// An image with the ways to its files.
struct Origin<'f> {
    image: Arc<Image>,
    tree: Box<dyn Fn() -> Option<View> + Sync + 'f>,
    head: Head<'f>,
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
    ) -> Stages<'_> {
        let mut stages = Stages::default();
        for base in lapstrake_linter::bases(source, dockerfile, known) {
            stages.bases.resize_with(base.stage, || None);
            stages.bases.push(self.image(&base).map(|image| self.known(image)));
        }
        stages
    }

    fn known(&self, image: Arc<Image>) -> Origin<'_> {
        let (of_tree, of_head) = (Arc::clone(&image), Arc::clone(&image));
        Origin {
            image,
            tree: Box::new(move || Some(of_tree.tree(&self.store)?.view.clone())),
            head: Box::new(move |path| of_head.tree(&self.store)?.head(path)),
        }
    }

    fn image(&self, base: &Base) -> Found {
        let name = (base.name.clone(), base.platform.to_string());
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let image = found.entry(name).or_insert_with(|| {
            let resolved = self.look_up(base)?;
            Some(Arc::new(Image { resolved, tree: OnceLock::new() }))
        });
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

impl Image {
    fn tree(&self, store: &Store) -> Option<&Tree> {
        let read = || {
            let ids: Vec<_> = self.resolved.layers().map(|(_, id)| LayerId::Image(id)).collect();
            let layers = ids.par_iter().map(|id| store.layer(id).ok().flatten());
            let layers: Option<Vec<_>> = layers.collect();
            let (manifests, folders) =
                layers?.into_iter().map(|layer| (layer.manifest, layer.path)).unzip();
            Some(Tree { view: View::new(manifests), folders })
        };
        self.tree.get_or_init(read).as_ref()
    }
}

impl Tree {
    /// The beginning of the file that the tree shows at a path.
    fn head(&self, path: &TreePath) -> Option<Vec<u8>> {
        let folder = self.folders.get(self.view.entry(path)?.layer)?;
        let file = read::open_file(File::open(folder).ok()?.as_fd(), path).ok()?;
        let mut head = Vec::new();
        file.take(HEAD as u64).read_to_end(&mut head).ok()?;
        Some(head)
    }
}

impl Stages<'_> {
    /// True if at least one image is known.
    pub(super) fn know_something(&self) -> bool {
        self.bases.iter().any(Option::is_some)
    }

    /// The same for the rules.
    pub(super) fn known(&self) -> Vec<KnownStage<'_>> {
        let bases = self.bases.iter().map(|base| base.as_ref().map(Origin::known));
        bases.map(|base| base.unwrap_or(KnownStage::new(true, None))).collect()
    }
}

impl Origin<'_> {
    fn known(&self) -> KnownStage<'_> {
        let files = Files { tree: &*self.tree, head: &*self.head };
        let config = &self.image.resolved.config;
        KnownStage { files: Some(files), ..KnownStage::new(true, Some(config)) }
    }
}
