//! What the instructions of a Dockerfile came to when it was built last, by the records of the store.
//!
//! A record counts for an instruction if its step has the same text, was built from the same file, and stands on
//! the layer of the instruction before: so what is told is what the file as it is now came to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use lapstrake_cache::{ActionKey, Layer, Origin, Store, nanoseconds};
use lapstrake_linter::{Changed, Digests, Files, Made, Package, Packages};
use lapstrake_parser::{Instruction, Keyword, Stage};
use lapstrake_rootfs::{LayerId, TreePath, View};
use lapstrake_solver::reason::{Reason, Subject};
use lapstrake_solver::why;

use super::facts::{Head, Tree, ViewOf};

/// The records of a store by the file that they were built from.
#[derive(Default)]
pub(super) struct Builds {
    by_file: OnceLock<BTreeMap<PathBuf, Vec<Step>>>,
    /// Cache mounts without files, and the steps that left them so.
    idle: OnceLock<Vec<(String, String)>>,
}

/// A record.
struct Step {
    /// The instruction's text, without its place in the build.
    text: String,
    origin: Origin,
}

/// What an instruction came to.
pub(super) struct Layered<'f> {
    at: usize,
    size: u64,
    took: Option<Duration>,
    age: Duration,
    changed: Option<Changed>,
    tree: ViewOf<'f>,
    head: Head<'f>,
    other: ViewOf<'f>,
    packages: Installed<'f>,
    digest: DigestOf<'f>,
    idle: Vec<String>,
}

/// Reads a file and gives its digest.
type DigestOf<'f> = Box<dyn Fn(&TreePath) -> Option<String> + Sync + 'f>;

/// Reads lists of packages.
type Installed<'f> = Box<dyn Fn() -> Vec<Package> + Sync + 'f>;

/// What a stage starts from: no layer at all, or this as the topmost one.
pub(super) type Below = Option<LayerId>;

impl Builds {
    /// The layers of a stage's instructions, and what the stage ends with; nothing where that is not known.
    pub(super) fn layers<'f>(
        &self,
        store: &'f Store,
        file: &Path,
        stage: &Stage<'_>,
        below: Below,
    ) -> (Vec<Layered<'f>>, Option<Below>) {
        let by_file = self.by_file.get_or_init(|| read(store));
        let steps = fs::canonicalize(file).ok().and_then(|file| by_file.get(&file));
        let (mut made, mut top) = (Vec::new(), below);
        for instruction in stage.instructions.iter().filter(|one| makes_layer(one)) {
            let found = steps.and_then(|steps| find(steps, instruction, top.as_ref()));
            let layer = found.and_then(|step| Some((step, layered(store, step, instruction)?)));
            match layer {
                Some((step, (id, layer))) => {
                    top = Some(id);
                    let idle = self.idle(store, step, instruction);
                    made.push(Layered { idle, ..layer });
                }
                // It makes none where the folder is there already.
                None if instruction.kind.keyword() == Keyword::Workdir => {}
                None => return (made, None),
            }
        }
        (made, Some(top))
    }
}

impl Builds {
    /// The ids of the cache mounts in which a step left no file.
    fn idle(&self, store: &Store, step: &Step, instruction: &Instruction) -> Vec<String> {
        if instruction.flag("mount").is_none() {
            return Vec::new();
        }
        let all = self.idle.get_or_init(|| store.idle_cache_mounts().unwrap_or_default());
        let name = step.origin.name.as_deref().unwrap_or_default().replace('\n', " ");
        let own = all.iter().filter(|(_, step)| *step == name);
        // In front of the id stands the name that sets caches of several projects apart.
        own.filter_map(|(id, _)| Some(id.split_once('/')?.1.to_owned())).collect()
    }
}

fn makes_layer(instruction: &Instruction) -> bool {
    let keyword = instruction.kind.keyword();
    matches!(keyword, Keyword::Run | Keyword::Copy | Keyword::Add | Keyword::Workdir)
}

/// All records of builds from files that are still there.
fn read(store: &Store) -> BTreeMap<PathBuf, Vec<Step>> {
    let mut files: BTreeMap<String, Option<PathBuf>> = BTreeMap::new();
    let mut by_file: BTreeMap<PathBuf, Vec<Step>> = BTreeMap::new();
    for origin in store.origins().unwrap_or_default() {
        let (Some(project), Some(name)) = (&origin.project, &origin.name) else { continue };
        let file = files.entry(project.clone()).or_insert_with(|| {
            let (context, name) = project.split_once('\n')?;
            fs::canonicalize(Path::new(context).join(name)).ok()
        });
        let Some((file, (_, text))) = file.clone().zip(name.split_once("] ")) else { continue };
        let text = text.to_owned();
        by_file.entry(file).or_default().push(Step { text, origin });
    }
    by_file
}

/// The step of an instruction that was used last.
fn find<'s>(
    steps: &'s [Step],
    instruction: &Instruction,
    below: Option<&LayerId>,
) -> Option<&'s Step> {
    let words: Vec<&str> = instruction.original().split_whitespace().collect();
    let text = words.join(" ");
    let stands_there =
        |step: &&Step| step.origin.below.as_ref() == below && is_named(&step.text, &text);
    steps
        .iter()
        .filter(stands_there)
        .max_by_key(|step| (step.origin.used, step.origin.record.created))
}

/// True if a step's name is that of the instruction; a long one is cut.
pub(in super::super) fn is_named(name: &str, instruction: &str) -> bool {
    let cut = name.strip_suffix('…').map(str::trim_end);
    cut.map_or(name.eq_ignore_ascii_case(instruction), |front| {
        instruction.get(..front.len()).is_some_and(|text| text.eq_ignore_ascii_case(front))
    })
}

fn layered<'f>(
    store: &'f Store,
    step: &Step,
    instruction: &Instruction,
) -> Option<(LayerId, Layered<'f>)> {
    let origin = &step.origin;
    let id = origin.record.layer;
    let size = store.layer_size(&id).ok()??;
    let now = nanoseconds(SystemTime::now());
    let age = now.saturating_sub(origin.record.created).max(0).unsigned_abs();
    let tree: Arc<OnceLock<Option<Tree>>> = Arc::default();
    let read = move || {
        let Layer { manifest, path, .. } = store.layer(&id).ok()??;
        Some(Tree { view: View::new(vec![manifest]), folders: vec![path] })
    };
    let (of_head, of_packages) = (Arc::clone(&tree), Arc::clone(&tree));
    let of_digest = Arc::clone(&tree);
    let layer = Layered {
        at: instruction.span.start,
        size,
        took: origin.took.map(Duration::from_millis),
        age: Duration::from_nanos(age),
        changed: changed(store, origin),
        tree: Box::new(move || Some(tree.get_or_init(read).as_ref()?.view.clone())),
        head: Box::new(move |path: &TreePath| of_head.get_or_init(read).as_ref()?.head(path)),
        digest: Box::new(move |path| of_digest.get_or_init(read).as_ref()?.digest(path)),
        other: other(store, origin.key),
        idle: Vec::new(),
        packages: Box::new(move || {
            of_packages.get_or_init(read).as_ref().map(Tree::packages).unwrap_or_default()
        }),
    };
    Some((id, layer))
}

/// What is in another layer that a step came to.
fn other(store: &Store, key: ActionKey) -> ViewOf<'_> {
    let read = OnceLock::new();
    Box::new(move || {
        let view: &Option<View> = read.get_or_init(|| {
            let layer = store.layer(&store.variation(&key)?).ok()??;
            Some(View::new(vec![layer.manifest]))
        });
        view.clone()
    })
}

/// The variable that had a step executed again.
fn changed(store: &Store, origin: &Origin) -> Option<Changed> {
    let known = why::known(store, origin.step.as_ref()?, &origin.key).ok()??;
    let Reason::Changed { subject, before, after } = known.reason else { return None };
    let is_variable = known
        .parts
        .iter()
        .any(|part| matches!(&part.subject, Subject::Variable(name) if *name == subject));
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    is_variable.then_some(Changed { name: subject, before, after })
}

impl Layered<'_> {
    /// The same for the rules.
    pub(super) fn made(&self) -> Made<'_> {
        Made {
            at: self.at,
            files: Files { tree: &*self.tree, head: &*self.head },
            other: &*self.other,
            size: self.size,
            took: self.took,
            age: self.age,
            changed: self.changed.clone(),
            packages: Packages(&*self.packages),
            digests: Digests(&*self.digest),
            idle_caches: self.idle.clone(),
        }
    }
}
