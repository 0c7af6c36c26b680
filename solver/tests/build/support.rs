//! Builds without privileges: a fake executor that understands a few words, and images that are
//! made up.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lapstrake_cache::Store;
use lapstrake_executor::{
    Cancel, Ended, Error as ExecutorError, Executor, SandboxSpec, Status, UserError,
};
use lapstrake_image::Packing;
use lapstrake_oci::{
    Compression, Descriptor, Digest, History, ImageConfig, Index, Manifest, MediaType, Platform,
    RootFs,
};
use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_parser::parse;
use lapstrake_rootfs::{Kind, LayerId};
use lapstrake_solver::build::{Bounds, Built, Request, Times, Tools, build};
use lapstrake_solver::event::{ImageProgress, Outcome};
use lapstrake_solver::image::{BaseImage, ImageName, ImageSource};
use lapstrake_solver::lower::{NamedContext, NamedContexts, Options, RunOptions};
use lapstrake_solver::op::{Agents, Context, Contexts};
use lapstrake_solver::{Error, Event, shared};
use lapstrake_source::{Config, Fetcher, Secrets};
use lapstrake_transfer::{Export, Imports, Place, SharedAccount, export};

use crate::origin::Origin;
use crate::server::{Reply, Server};

/// Carries out `write FILE TEXT`, `print VARIABLE`, `fail CODE`, `sleep MS`, `lacks program`, `lacks
/// user`, `layers`, `digested` and `wait` in place of a program, and remembers what it was asked for.
#[derive(Default)]
pub(crate) struct FakeExecutor {
    pub(crate) commands: Mutex<Vec<String>>,
    /// The last description.
    pub(crate) spec: Mutex<Option<SandboxSpec>>,
}

impl Executor for FakeExecutor {
    fn run(
        &self,
        spec: &SandboxSpec,
        cancel: &Cancel,
        on_output: &mut dyn FnMut(&[u8]),
    ) -> Result<Ended, ExecutorError> {
        let line = spec.argv.last().map(|word| String::from_utf8_lossy(word.as_ref()).into_owned());
        let line = line.unwrap_or_default();
        self.commands.lock().unwrap().push(line.clone());
        *self.spec.lock().unwrap() = Some(spec.clone());
        let words: Vec<&str> = line.split_whitespace().take_while(|word| *word != "#").collect();
        match words.as_slice() {
            ["write", file, text] => {
                fs::write(spec.rootfs.upper.join(file), text).unwrap();
                on_output(format!("wrote {file}\n").as_bytes());
            }
            ["print", name] => {
                let value = spec.env.iter().find(|(known, _)| **known == *name.as_bytes());
                // In two pieces, as it may come from a pipe.
                let value = value.map_or(&b"nothing"[..], |(_, value)| value);
                let (one, two) = value.split_at(value.len() / 2);
                on_output(one);
                on_output(two);
            }
            ["fail", code] => {
                on_output(b"it went wrong\n");
                return Ok(Status::Exited(code.parse().unwrap()).into());
            }
            ["sleep", milliseconds] => {
                let time = milliseconds.parse().unwrap();
                std::thread::sleep(std::time::Duration::from_millis(time));
            }
            ["lacks", "program"] => {
                return Err(ExecutorError::NotFound { program: spec.argv[0].clone() });
            }
            ["lacks", "user"] => {
                let source = UserError::UnknownUser;
                return Err(ExecutorError::User { user: spec.user.clone(), source });
            }
            ["layers"] => {
                for folder in layers(spec) {
                    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
                    on_output(format!("layer {name}\n").as_bytes());
                }
            }
            ["digested"] if is_digested(layers(spec).last().unwrap()) => on_output(b"digested\n"),
            ["wait"] => {
                while !cancel.is_cancelled() {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                return Ok(Status::Signaled(9).into());
            }
            _ => {}
        }
        Ok(Status::Exited(0).into())
    }
}

/// The folders in the store of the layers that were built, lowest first.
fn layers(spec: &SandboxSpec) -> Vec<&Path> {
    let folders = spec.rootfs.lower.iter().filter_map(|directory| directory.parent());
    let name = |folder: &Path| folder.file_name().map(|name| name.to_string_lossy().into_owned());
    folders.filter(|folder| name(folder).is_some_and(|name| name.starts_with("blake3-"))).collect()
}

/// Waits for the digest of the layer in this folder of the store, for at most a minute.
fn is_digested(folder: &Path) -> bool {
    let store = Store::open(folder.parent().unwrap().parent().unwrap()).unwrap();
    let name = folder.file_name().unwrap().to_str().unwrap();
    let id = LayerId::Built(name.strip_prefix("blake3-").unwrap().parse().unwrap());
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while store.diff_id(&id).unwrap().is_none() {
        if std::time::Instant::now() > until {
            return false;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    true
}

/// Images without layers, by name, with these triggers: for every platform, those whose names end
/// with `-arm` only for arm64. All of them have this history.
#[derive(Default)]
pub(crate) struct FakeImages(
    pub(crate) HashMap<&'static str, Vec<&'static str>>,
    pub(crate) Vec<History>,
);

impl ImageSource for FakeImages {
    fn resolve(
        &self,
        name: &ImageName,
        _: &(dyn Fn(ImageProgress) + Sync),
    ) -> Result<BaseImage, Box<dyn StdError + Send + Sync>> {
        let place = name.place.to_string();
        let Some(triggers) = self.0.get(place.as_str()) else {
            return Err(format!("no image {place}").into());
        };
        let arm = Platform::new("linux", "arm64", "");
        let mut config = ImageConfig::new(match place.strip_suffix("-arm:latest") {
            Some(_) => &arm,
            None => &name.platform,
        });
        let asked = name.platform.to_string();
        config.config.labels = [("name".to_owned(), place), ("asked".to_owned(), asked)].into();
        config.rootfs = RootFs::new(Vec::new());
        config.history.clone_from(&self.1);
        config.config.on_build = triggers.iter().map(|text| (*text).to_owned()).collect();
        let descriptor = Descriptor::of(MediaType::OciConfig, b"{}");
        let manifest = Manifest::new(MediaType::OciManifest, descriptor, Vec::new());
        Ok(BaseImage { digest: Digest::of(b"manifest"), manifest, config })
    }

    fn bring(
        &self,
        _: &ImageName,
        _: &(dyn Fn(ImageProgress) + Sync),
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        Ok(())
    }
}

/// A store, a context and what runs in it.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) executor: FakeExecutor,
    pub(crate) images: FakeImages,
    pub(crate) arguments: Vec<(&'static str, &'static str)>,
    pub(crate) target: Option<&'static str>,
    pub(crate) platforms: Vec<&'static str>,
    pub(crate) contexts: NamedContexts,
    pub(crate) run: RunOptions,
    /// `--add-host`.
    pub(crate) hosts: Vec<(String, String)>,
    pub(crate) bounds: Bounds,
    pub(crate) resolv_conf: Vec<u8>,
    pub(crate) no_cache: bool,
    /// The folder and the Dockerfile, as far as builds are told apart by them.
    pub(crate) project: String,
    /// What of the build context is left out.
    pub(crate) ignore: &'static str,
    pub(crate) secrets: Secrets,
    pub(crate) agents: Agents,
    pub(crate) times: Times,
    /// How often the network was asked for.
    networks: AtomicUsize,
    /// The folder of a cache that is read.
    pub(crate) cache_from: Option<std::path::PathBuf>,
    /// What sources are fetched from, where a test does that.
    pub(crate) remote: Option<Remote>,
}

/// Where sources are fetched from.
pub(crate) enum Remote {
    /// A server, and what it answers.
    Server(Server, Arc<Mutex<Reply>>),
    /// Repositories.
    Origin(Origin),
}

/// What a build came to.
pub(crate) struct Outcomes {
    pub(crate) result: Result<Built, Error>,
    /// Shown steps with how they ended, in the order in which they did.
    pub(crate) steps: Vec<(String, Outcome)>,
    /// Why steps were executed.
    pub(crate) reasons: Vec<(String, String)>,
    /// What the commands wrote, as it is shown.
    pub(crate) output: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("context")).unwrap();
        Self {
            store: Store::open(&folder.path().join("store")).unwrap(),
            folder,
            executor: FakeExecutor::default(),
            images: FakeImages([("base:latest", Vec::new())].into(), Vec::new()),
            arguments: Vec::new(),
            target: None,
            platforms: Vec::new(),
            contexts: NamedContexts::default(),
            run: RunOptions::default(),
            hosts: Vec::new(),
            bounds: Bounds::default(),
            resolv_conf: Vec::new(),
            no_cache: false,
            project: "/test\nDockerfile".to_owned(),
            ignore: "",
            secrets: Secrets::default(),
            agents: Agents::default(),
            times: Times::default(),
            networks: AtomicUsize::new(0),
            cache_from: None,
            remote: None,
        }
    }

    /// Has a server answer so from now on to everything; a URL of it.
    pub(crate) fn serve(&mut self, reply: Reply, path: &str) -> String {
        match &self.remote {
            Some(Remote::Server(server, answer)) => {
                *answer.lock().unwrap() = reply;
                server.url(path)
            }
            _ => {
                let answer = Arc::new(Mutex::new(reply));
                let answers = Arc::clone(&answer);
                let server = Server::start(move |_, _| Some(answers.lock().unwrap().clone()));
                let url = server.url(path);
                self.remote = Some(Remote::Server(server, answer));
                url
            }
        }
    }

    /// The repositories that `script` makes, at the first call.
    pub(crate) fn origin(&mut self, script: &str) -> &Origin {
        if !matches!(self.remote, Some(Remote::Origin(_))) {
            self.remote = Some(Remote::Origin(Origin::new(script)));
        }
        match &self.remote {
            Some(Remote::Origin(origin)) => origin,
            _ => panic!("there are repositories"),
        }
    }

    /// A text with `HOST` for the address of the server.
    pub(crate) fn anonymous(&self, text: &str) -> String {
        match &self.remote {
            Some(Remote::Server(server, _) | Remote::Origin(Origin { server, .. })) => {
                text.replace(&server.address(), "HOST")
            }
            None => text.to_owned(),
        }
    }

    pub(crate) fn context(&self) -> std::path::PathBuf {
        self.folder.path().join("context")
    }

    /// Adds a named context; one of files is the folder of that name beside the build context.
    pub(crate) fn name(&mut self, name: &str, context: NamedContext) {
        self.contexts.insert(NamedContexts::name(name).unwrap(), context);
    }

    /// Writes a file of a named context.
    pub(crate) fn named_file(&self, context: &str, path: &str, content: &str) {
        self.file(&format!("../named/{context}/{path}"), content);
    }

    pub(crate) fn file(&self, path: &str, content: &str) {
        let path = self.context().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn build(&self, dockerfile: &str) -> Outcomes {
        let parsed = parse(dockerfile);
        assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
        let mut contexts = Contexts::default();
        let ignore = IgnoreFile::parse(self.ignore.as_bytes()).unwrap().named(".dockerignore");
        contexts.insert(String::new(), Context::Folder { directory: self.context(), ignore });
        for folder in fs::read_dir(self.folder.path().join("named")).into_iter().flatten() {
            let (folder, ignore) = (folder.unwrap(), IgnoreFile::parse(b"").unwrap());
            let name = folder.file_name().into_string().unwrap();
            contexts.insert(name, Context::Folder { directory: folder.path(), ignore });
        }
        let request = Request {
            dockerfile: &parsed.dockerfile,
            project: self.project.clone(),
            options: self.options(),
            contexts,
            secrets: self.secrets.clone(),
            agents: self.agents.clone(),
            bounds: self.bounds.clone(),
            tags: vec!["result:latest".parse().unwrap()],
            times: self.times,
            inline_cache: false,
            annotations: Default::default(),
            resolv_conf: self.resolv_conf.clone(),
            resolved_conf: None,
        };
        let names = Mutex::new(HashMap::new());
        let steps = Mutex::new(Vec::new());
        let output = Mutex::new(Vec::new());
        let reasons = Mutex::new(Vec::new());
        let events = |event: Event| match event {
            Event::Planned { vertices } => {
                let named = vertices.into_iter().map(|planned| (planned.vertex, planned.name));
                names.lock().unwrap().extend(named);
            }
            Event::Missed { vertex, reason } => {
                let name = names.lock().unwrap().get(&vertex).cloned().unwrap_or_default();
                reasons.lock().unwrap().push((name, reason.to_string()));
            }
            Event::Output { bytes, .. } => output.lock().unwrap().extend(bytes),
            Event::Finished { vertex, outcome, .. } => {
                let name = names.lock().unwrap().get(&vertex).cloned().unwrap_or_default();
                steps.lock().unwrap().push((name, outcome));
            }
            _ => {}
        };
        let fetcher = Fetcher::new(&self.store, Config::default(), Secrets::default(), &|| false);
        let fetcher = fetcher.unwrap();
        let imports = self.imports();
        let result = build(
            request,
            &Tools {
                review: &|_| Vec::new(),
                store: &self.store,
                executor: &self.executor,
                network: &|| {
                    self.networks.fetch_add(1, Ordering::Relaxed);
                    Ok(lapstrake_executor::Network::Host)
                },
                images: &self.images,
                fetcher: &fetcher,
                imports: &imports,
                cancel: &Cancel::new().unwrap(),
                events: &events,
                delivery: None,
            },
        );
        let output = String::from_utf8(output.into_inner().unwrap()).unwrap();
        let reasons = reasons.into_inner().unwrap();
        Outcomes { result, steps: steps.into_inner().unwrap(), reasons, output }
    }

    fn imports(&self) -> Imports<'_> {
        let places = self.cache_from.iter().map(|path| place(path)).collect();
        Imports::new(&self.store, || false, places)
    }

    /// Writes the cache of a build, with what is told of its steps.
    pub(crate) fn share(&self, built: &Built, path: &Path) -> Vec<SharedAccount> {
        let imports = self.imports();
        let accounts = shared::accounts(&built.steps, &self.store, &imports).unwrap();
        self.share_with(built, path, &accounts);
        accounts
    }

    /// The same with something else told.
    pub(crate) fn share_with(&self, built: &Built, path: &Path, accounts: &[SharedAccount]) {
        let place = place(path);
        let order = Export {
            store: &self.store,
            imports: &self.imports(),
            place: &place,
            all: true,
            accounts,
            packing: Packing::usual(Compression::Zstd),
            force: false,
            workers: 1,
            reset: false,
            cancelled: &|| false,
        };
        export(&order, &built.steps).unwrap();
    }

    fn options(&self) -> Options {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Options {
            arguments: self.arguments.iter().map(owned).collect(),
            target: self.target.map(str::to_owned),
            contexts: self.contexts.clone(),
            run: self.run.clone(),
            hosts: self.hosts.clone(),
            no_cache: self.no_cache,
            platforms: self.platforms.iter().map(|text| text.parse().unwrap()).collect(),
            ..Options::new(Platform::new("linux", "amd64", ""))
        }
    }

    /// Commands that were executed since the last call.
    pub(crate) fn executed(&self) -> Vec<String> {
        std::mem::take(&mut *self.executor.commands.lock().unwrap())
    }

    /// Whether the network was asked for since the last call.
    pub(crate) fn wanted_network(&self) -> bool {
        self.networks.swap(0, Ordering::Relaxed) > 0
    }

    /// Paths and contents of the regular files of an image's topmost layer.
    pub(crate) fn files(&self, built: &Built) -> Vec<(String, String)> {
        let diff_id = *self.config(built).rootfs.diff_ids.last().unwrap();
        let layer = self.store.layer(&LayerId::Image(diff_id)).unwrap().unwrap();
        let entries = layer.manifest.entries().iter();
        let files = entries.filter(|entry| matches!(entry.kind, Kind::File { .. }));
        let file = |path: String| {
            let content = fs::read_to_string(layer.path.join(path.trim_start_matches('/')));
            (path, content.unwrap())
        };
        files.map(|entry| file(entry.path.to_string())).collect()
    }

    /// All paths of an image's topmost layer.
    pub(crate) fn paths(&self, built: &Built) -> Vec<String> {
        let diff_id = *self.config(built).rootfs.diff_ids.last().unwrap();
        let layer = self.store.layer(&LayerId::Image(diff_id)).unwrap().unwrap();
        layer.manifest.entries().iter().map(|entry| entry.path.to_string()).collect()
    }

    pub(crate) fn config(&self, built: &Built) -> ImageConfig {
        self.config_of(&built.document)
    }

    fn config_of(&self, manifest: &Digest) -> ImageConfig {
        let manifest = Manifest::parse(&self.blob(manifest)).unwrap();
        ImageConfig::parse(&self.blob(&manifest.config.digest)).unwrap()
    }

    /// The configs of the images of an index, with the platforms that it names.
    pub(crate) fn configs(&self, built: &Built) -> Vec<(String, ImageConfig)> {
        assert_eq!(built.id, built.document);
        let index = Index::parse(&self.blob(&built.document)).unwrap();
        let entries = index.manifests.iter();
        let platform = |entry: &Descriptor| entry.platform.as_ref().unwrap().to_string();
        entries.map(|entry| (platform(entry), self.config_of(&entry.digest))).collect()
    }

    fn blob(&self, digest: &Digest) -> Vec<u8> {
        self.store.read_blob(digest, 1 << 20).unwrap().unwrap()
    }
}

/// The cache in a folder.
fn place(path: &Path) -> Place {
    Place::Folder { path: path.to_owned(), tag: "latest".to_owned(), digest: None }
}

impl Outcomes {
    pub(crate) fn built(&self) -> &Built {
        match &self.result {
            Ok(built) => built,
            Err(error) => panic!("the build failed: {error}: {error:?}"),
        }
    }

    /// Why the only step whose name holds `text` was executed; nothing when it was cached.
    pub(crate) fn why(&self, text: &str) -> &str {
        let found: Vec<_> = self.reasons.iter().filter(|(name, _)| name.contains(text)).collect();
        match found.as_slice() {
            [] => "",
            [(_, reason)] => reason,
            _ => panic!("{text}: {found:?}"),
        }
    }

    /// How the only step whose name holds `text` ended.
    pub(crate) fn outcome(&self, text: &str) -> Outcome {
        let found: Vec<_> = self.steps.iter().filter(|(name, _)| name.contains(text)).collect();
        match found.as_slice() {
            [(_, outcome)] => *outcome,
            _ => panic!("{text}: {found:?} in {:?}", self.steps),
        }
    }
}
