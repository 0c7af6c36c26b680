//! What the store of this machine knows of the images that Dockerfiles start from. No network is asked, and
//! the store is neither made nor written.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use lapstrake_cache::Store;
use lapstrake_image::ResolvedImage;
use lapstrake_linter::{Base, Files, HEAD, Known, KnownStage, Made, Package};
use lapstrake_oci::{DigestHasher, Platform, Reference};
use lapstrake_parser::Dockerfile;
use lapstrake_rootfs::{LayerId, TreePath, View, read};
use lapstrake_sbom::{Interest, Inventory, MAX_FILE};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::super::input::Input;
use super::builds::{Below, Builds, Layered};
use crate::images;
use crate::session::Session;

/// The images of the store, each looked for once.
pub(super) struct Facts {
    store: Store,
    /// By name and platform.
    found: Mutex<BTreeMap<(String, String), Found>>,
    builds: Builds,
}

/// When the files of the database were changed, and how long they are.
pub(super) type State = [Option<(SystemTime, u64)>; 2];

/// An image, if the store has it.
type Found = Option<Arc<Image>>;

/// Gives a tree.
pub(super) type ViewOf<'f> = Box<dyn Fn() -> Option<View> + Sync + 'f>;

/// Reads the beginning of a file.
pub(super) type Head<'f> = Box<dyn Fn(&TreePath) -> Option<Vec<u8>> + Sync + 'f>;

/// An image of the store.
struct Image {
    resolved: ResolvedImage,
    /// What its name stood for in its registry, if it came from one.
    digest: Option<String>,
    /// What it holds, once somebody asked; nothing if a layer of it is not unpacked.
    tree: OnceLock<Option<Tree>>,
}

/// What a stack of layers holds.
pub(super) struct Tree {
    pub(super) view: View,
    /// Where each of its layers is.
    pub(super) folders: Vec<PathBuf>,
}

/// What is known of the stages of a file.
#[derive(Default)]
pub(super) struct Stages<'f>(Vec<Facet<'f>>);

/// What is known of a stage.
#[derive(Default)]
struct Facet<'f> {
    /// The image that it starts from, if it is one that is known.
    base: Option<Origin<'f>>,
    /// What the tag of that image stands for, if not for the digest beside it.
    moved: Option<String>,
    /// What its instructions came to.
    layers: Vec<Layered<'f>>,
    /// The topmost layer at its end, where that is known.
    top: Option<Below>,
}

/// An image with the ways to its files.
struct Origin<'f> {
    image: Arc<Image>,
    tree: ViewOf<'f>,
    head: Head<'f>,
}

impl Facts {
    /// Nothing where there is no store.
    pub(super) fn new(session: &Session) -> Option<Self> {
        Some(Self {
            store: session.existing()?,
            found: Mutex::default(),
            builds: Builds::default(),
        })
    }

    /// Whether something has been written since an earlier look.
    pub(super) fn state(&self) -> State {
        ["store.db", "store.db-wal"].map(|name| {
            let metadata = fs::metadata(self.store.root().join(name)).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }

    /// What is known of the stages of a file; what was built of it, if it is one.
    pub(super) fn stages(
        &self,
        (source, dockerfile): (&str, &Dockerfile),
        input: &Input,
        known: &Known<'_>,
    ) -> Stages<'_> {
        let mut stages: Vec<Facet<'_>> = Vec::new();
        let bases = lapstrake_linter::bases(source, dockerfile, known);
        for (stage, base) in dockerfile.stages().iter().zip(bases) {
            let mut facet = Facet::default();
            let below = match base {
                None => None,
                Some(Base::Nothing) => Some(None),
                Some(Base::Stage(number)) => stages.get(number).and_then(|stage| stage.top),
                Some(Base::Image { name, platform }) => {
                    facet.moved = self.moved(&name);
                    self.image(&name, &platform).map(|image| {
                        let top = image.resolved.layers().next_back();
                        facet.base = Some(self.known(image.clone()));
                        top.map(|(_, diff_id)| LayerId::Image(diff_id))
                    })
                }
            };
            if let (Some(below), Input::File(file)) = (below, input) {
                (facet.layers, facet.top) = self.builds.layers(&self.store, file, stage, below);
            }
            stages.push(facet);
        }
        Stages(stages)
    }

    fn known(&self, image: Arc<Image>) -> Origin<'_> {
        let (of_tree, of_head) = (Arc::clone(&image), Arc::clone(&image));
        Origin {
            image,
            tree: Box::new(move || Some(of_tree.tree(&self.store)?.view.clone())),
            head: Box::new(move |path| of_head.tree(&self.store)?.head(path)),
        }
    }

    fn image(&self, name: &str, platform: &Platform) -> Found {
        let key = (name.to_owned(), platform.to_string());
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let image = found.entry(key).or_insert_with(|| {
            let resolved = self.look_up(name, platform)?;
            let digest = self.digest(name);
            Some(Arc::new(Image { resolved, digest, tree: OnceLock::new() }))
        });
        image.clone()
    }

    /// What a name stood for when it was pulled: then it has a name by that as well.
    fn digest(&self, name: &str) -> Option<String> {
        let reference = Reference::parse(name).ok()?;
        let digest = self.store.tag(&reference.to_string()).ok()??.manifest;
        let by_digest = reference.with_digest(digest).to_string();
        self.store.tag(&by_digest).ok()?.map(|_| digest.to_string())
    }

    /// What the tag in a name with a digest stood for when it was pulled, if that is another one.
    fn moved(&self, name: &str) -> Option<String> {
        let (tagged, digest) = name.split_once('@')?;
        let last = tagged.rsplit('/').next().unwrap_or_default();
        let now = self.digest(tagged).filter(|_| last.contains(':'))?;
        (now != digest).then_some(now)
    }

    /// What cannot be read is for the build to tell.
    fn look_up(&self, name: &str, platform: &Platform) -> Option<ResolvedImage> {
        let reference = Reference::parse(name).ok()?;
        let is_here =
            reference.digest().is_some() || self.store.tag(&reference.to_string()).ok()?.is_some();
        // An image can be found by its id as well, which FROM does not take.
        is_here.then(|| images::local(&self.store).find_for(name, platform).ok())?
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
    /// The packages that lists in it have.
    pub(super) fn packages(&self) -> Vec<Package> {
        let mut inventory = Inventory::default();
        for shown in self.view.subtree(&TreePath::root()) {
            let path = shown.entry.path.to_string();
            let path = path.trim_start_matches('/');
            let Some(interest) = Interest::of(path) else { continue };
            let folder = self.folders.get(shown.layer).and_then(|folder| File::open(folder).ok());
            let bytes =
                folder.map(|folder| read::read_file(folder.as_fd(), &shown.entry.path, MAX_FILE));
            if let Some(Ok(bytes)) = bytes {
                inventory.read(interest, path, &bytes);
            }
        }
        let packages = inventory.packages().map(|package| Package {
            kind: package.kind.to_owned(),
            name: package.name.clone(),
            version: package.version.clone(),
        });
        packages.chain(self.modules()).collect()
    }

    /// The modules of Go that were looked up, as its cache has them: `cache/download/MODULE/@v/VERSION.info`.
    fn modules(&self) -> impl Iterator<Item = Package> {
        let shown = self.view.subtree(&TreePath::root()).into_iter();
        let paths = shown.map(|shown| shown.entry.path.to_string());
        paths.filter_map(|path| {
            let (module, file) = path.rsplit_once("/@v/")?;
            let (_, module) = module.split_once("/pkg/mod/cache/download/")?;
            let version = file.strip_suffix(".info")?;
            let (name, version) = (unescaped(module), unescaped(version));
            Some(Package { kind: "golang".to_owned(), name, version })
        })
    }

    /// The beginning of the file that the tree shows at a path.
    pub(super) fn head(&self, path: &TreePath) -> Option<Vec<u8>> {
        let mut head = Vec::new();
        self.open(path)?.take(HEAD as u64).read_to_end(&mut head).ok()?;
        Some(head)
    }

    /// The digest of that file.
    pub(super) fn digest(&self, path: &TreePath) -> Option<String> {
        let mut file = self.open(path)?;
        let mut hasher = DigestHasher::new();
        let mut buffer = vec![0; HEAD];
        loop {
            match file.read(&mut buffer).ok()? {
                0 => return Some(hasher.finish().to_string()),
                count => hasher.update(buffer.get(..count)?),
            }
        }
    }

    fn open(&self, path: &TreePath) -> Option<File> {
        let folder = self.folders.get(self.view.entry(path)?.layer)?;
        read::open_file(File::open(folder).ok()?.as_fd(), path).ok()
    }
}

/// A path or version as Go writes it into its cache: `!` in front of a small letter stands for a large one.
fn unescaped(text: &str) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let mut is_large = false;
    for letter in text.chars() {
        match letter {
            '!' => is_large = true,
            letter if is_large => {
                unescaped.push(letter.to_ascii_uppercase());
                is_large = false;
            }
            letter => unescaped.push(letter),
        }
    }
    unescaped
}

impl Stages<'_> {
    /// True if at least one image is known, or something was built.
    pub(super) fn know_something(&self) -> bool {
        let is_known = |facet: &Facet<'_>| {
            facet.base.is_some() || facet.moved.is_some() || !facet.layers.is_empty()
        };
        self.0.iter().any(is_known)
    }

    /// What was made in each stage, for the rules.
    pub(super) fn made(&self) -> Vec<Vec<Made<'_>>> {
        let layers = self.0.iter().map(|facet| facet.layers.iter());
        layers.map(|layers| layers.map(Layered::made).collect()).collect()
    }

    /// The same as a whole. `made` comes from [`Stages::made`].
    pub(super) fn known<'k>(&'k self, made: &'k [Vec<Made<'k>>]) -> Vec<KnownStage<'k>> {
        let stages = self.0.iter().zip(made).map(|(facet, made)| {
            let base = facet.base.as_ref().map(Origin::known);
            let moved = facet.moved.as_deref();
            KnownStage { made, moved, ..base.unwrap_or(KnownStage::new(true, None)) }
        });
        stages.collect()
    }
}

impl Origin<'_> {
    fn known(&self) -> KnownStage<'_> {
        let files = Files { tree: &*self.tree, head: &*self.head };
        let config = &self.image.resolved.config;
        let digest = self.image.digest.as_deref();
        KnownStage { files: Some(files), digest, ..KnownStage::new(true, Some(config)) }
    }
}
