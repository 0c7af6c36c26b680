//! The mounts of RUN (A10).

use lapstrake_parser::expand::Expander;
use lapstrake_parser::mount::{self as written, MountType, Sharing as Written};
use lapstrake_parser::{Diagnostic, Instruction, Span, Word};

use super::fault::{Faults, all, fault, with_help};
use super::header::Header;
use super::origin::{self, Origin, Tree};
use super::scope::Scope;
use super::stage::{Build, Stage, Written as From};
use super::{directory, word};
use crate::graph::{
    AgentSocket, Bind, CacheMount, Mount, MountKind, MountSource, Op, Ownership, SUBTREE,
    SecretFile, SecretVariable, Sharing, SubtreeOp, Tmpfs, Vertex, VertexId, Want,
};

/// The code of a mount that cannot be meant.
const INVALID: &str = "invalid-mount";
/// The build argument that tells the caches of one project from those of another.
const NAMESPACE: &str = "BUILDKIT_CACHE_MOUNT_NS";
/// The ssh agent of a mount that names none.
const DEFAULT_AGENT: &str = "default";
/// The variable that tells programs of an ssh agent.
pub(super) const AGENT_VARIABLE: &str = "SSH_AUTH_SOCK";

const SOURCE: [&str; 2] = ["source", "src"];
const TARGET: [&str; 3] = ["target", "dst", "destination"];

/// What the mounts of a RUN come to.
#[derive(Default)]
pub(super) struct Mounts {
    /// Parents first; of two at one place the later one counts.
    pub(super) mounts: Vec<Mount>,
    pub(super) secrets: Vec<SecretVariable>,
    /// The inputs that the mounts name.
    pub(super) sources: Vec<VertexId>,
    /// Where the sources of the mounts stand, then the secrets, then the targets of the mounts.
    pub(super) words: Vec<Span>,
    /// The socket of the first ssh agent.
    pub(super) agent: Option<String>,
}

/// A mount, and where its source and its target are written.
type Placed = (Mount, (Span, Span));

/// The values of the `--mount` flags.
fn values(instruction: &Instruction) -> impl Iterator<Item = &Word> {
    let flags = instruction.flags.iter().filter(|flag| flag.name.value == "mount");
    flags.filter_map(|flag| flag.value.as_ref())
}

/// What the mounts of `instruction` in stage `number` take from, and where they name it. A fault
/// is left for lowering to report.
pub(super) fn origins(
    headers: &[Header<'_>],
    number: usize,
    instruction: &Instruction,
    scope: &Scope<'_>,
) -> Vec<(Origin, Span)> {
    let origins = values(instruction).map(|word| origin_of(headers, number, word, scope));
    origins.filter_map(|origin| origin.ok().flatten()).collect()
}

/// What a mount takes from and where it says so; `None` when it does not.
fn origin_of(
    headers: &[Header<'_>],
    number: usize,
    word: &Word,
    scope: &Scope<'_>,
) -> Result<Option<(Origin, Span)>, Diagnostic> {
    let Some((name, range)) = written::option(word.as_str(), &["from"]) else {
        return Ok(None);
    };
    let span = word.span_of(range);
    if name.is_empty() {
        return Ok(None);
    }
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!("a mount knows a stage by its name only, not by the number {name}");
        let help = "give the stage a name with `FROM … AS name`";
        return Err(with_help(fault("unknown-stage", span, message), help));
    }
    Ok(Some((origin::named(&name, span, number, headers, scope)?, span)))
}

/// The faults in what the mounts of an instruction take from.
pub(super) fn faults(
    headers: &[Header<'_>],
    number: usize,
    instruction: &Instruction,
    scope: &Scope<'_>,
) -> Vec<Diagnostic> {
    let origins = values(instruction).map(|word| origin_of(headers, number, word, scope));
    origins.filter_map(Result::err).collect()
}

/// Lowers all mounts of a RUN.
pub(super) fn mounts(
    build: &mut Build<'_>,
    stage: &Stage,
    from: From<'_>,
) -> Result<Mounts, Faults> {
    let whole = from.instruction.span;
    let shared_memory = shared_memory(build).map(|mount| (mount, (whole, whole)));
    let mut lowered: Vec<Placed> = shared_memory.into_iter().collect();
    let mut lowering = Lowering { build, stage, from, mounts: Mounts::default(), agents: 0 };
    let each = values(from.instruction).map(|word| lowering.placed(word));
    lowered.extend(all(each)?.into_iter().flatten());
    let mut mounts = lowering.mounts;
    // As BuildKit has it: secrets and agents over the rest, and parents before what is in them.
    lowered.sort_by(|(a, _), (b, _)| (&a.target, layer(a)).cmp(&(&b.target, layer(b))));
    let (sorted, places): (Vec<Mount>, Vec<(Span, Span)>) = lowered.into_iter().unzip();
    let (mut words, mut targets): (Vec<Span>, Vec<Span>) = places.into_iter().unzip();
    // Their order does not count; of two for one variable the later one does.
    let mut secrets: Vec<_> = mounts.secrets.drain(..).zip(mounts.words.drain(..)).collect();
    secrets.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let (secrets, mut places): (Vec<SecretVariable>, Vec<Span>) = secrets.into_iter().unzip();
    words.append(&mut places);
    words.append(&mut targets);
    Ok(Mounts { mounts: sorted, secrets, words, ..mounts })
}

/// The file system for shared memory, when it is to have another size than the usual one.
fn shared_memory(build: &Build<'_>) -> Option<Mount> {
    let size = build.options.run.shm_size?;
    let kind = MountKind::Tmpfs(Tmpfs { size: Some(size), read_only: false, executable: false });
    Some(Mount { target: "/dev/shm".to_owned(), kind })
}

fn layer(mount: &Mount) -> u8 {
    match mount.kind {
        MountKind::Bind(_) | MountKind::Cache(_) | MountKind::Tmpfs(_) => 0,
        MountKind::Secret(_) => 1,
        MountKind::Agent(_) => 2,
    }
}

/// What is wrong with one option.
fn invalid(word: &Word, error: written::MountError) -> Diagnostic {
    let code = error.variable_fault.unwrap_or(INVALID);
    let fault = fault(code, word.span_of(error.range), error.message);
    match error.hint {
        Some(hint) => with_help(fault, hint),
        None => fault,
    }
}

struct Lowering<'a, 'b> {
    build: &'a mut Build<'b>,
    stage: &'a Stage,
    from: From<'a>,
    mounts: Mounts,
    /// How many ssh mounts there were.
    agents: usize,
}

impl Lowering<'_, '_> {
    /// Lowers one mount; nothing if it only sets a variable.
    fn placed(&mut self, word: &Word) -> Result<Option<Placed>, Faults> {
        let mount = self.parse(word)?;
        let at = place(word, &TARGET);
        let mount = self.mount(word, mount)?;
        Ok(mount.map(|(mount, span)| (mount, (span, at.unwrap_or(span)))))
    }

    /// Reads one mount with its variables put in.
    fn parse(&self, word: &Word) -> Result<written::Mount, Faults> {
        let environment = &self.stage.environment;
        let expander = Expander::new(self.build.scope.escape);
        let mut is_known = true;
        let parsed = written::Mount::parse(word.as_str(), |text| {
            let variables = |name: &str| environment.value(name).map(str::to_owned);
            match expander.expand(text, &variables) {
                Ok(expanded) => {
                    is_known &= !word::may_be_set(environment, &expanded.undefined);
                    Ok(expanded.text)
                }
                Err(error) => {
                    is_known &= !word::may_be_required(environment, &error);
                    Err(error)
                }
            }
        });
        match parsed {
            _ if !is_known => Err(word::unknown(word.span()).into()),
            Ok(mount) => Ok(mount),
            Err(errors) => Err(errors.into_iter().map(|error| invalid(word, error)).collect()),
        }
    }

    fn mount(
        &mut self,
        word: &Word,
        mount: written::Mount,
    ) -> Result<Option<(Mount, Span)>, Diagnostic> {
        match mount.kind {
            MountType::Bind => self.bind(word, &mount).map(Some),
            MountType::Cache => self.cache(word, &mount).map(Some),
            MountType::Tmpfs => {
                let target = self.target(word, mount.target.as_deref().unwrap_or_default())?;
                let size = Some(mount.size).filter(|size| *size > 0);
                let tmpfs = Tmpfs { size, read_only: mount.read_only, executable: true };
                let kind = MountKind::Tmpfs(tmpfs);
                Ok(Some((Mount { target, kind }, word.span())))
            }
            MountType::Secret => self.secret(word, &mount),
            MountType::Ssh => self.agent(word, &mount).map(Some),
        }
    }

    fn bind(&mut self, word: &Word, mount: &written::Mount) -> Result<(Mount, Span), Diagnostic> {
        let target = self.target(word, mount.target.as_deref().unwrap_or_default())?;
        let (origin, span) = self.origin(word)?.unwrap_or((Origin::MAIN, word.span()));
        let span = place(word, &SOURCE).unwrap_or(span);
        let source = self.source(&origin, mount.source.as_deref(), span);
        let kind = MountKind::Bind(Bind { source, read_only: mount.read_only });
        Ok((Mount { target, kind }, span))
    }

    fn cache(&mut self, word: &Word, mount: &written::Mount) -> Result<(Mount, Span), Diagnostic> {
        let raw = mount.target.as_deref().unwrap_or_default();
        let target = self.target(word, raw)?;
        let origin = self.origin(word)?.filter(|(origin, _)| *origin != Origin::Scratch);
        let from = origin.as_ref().map(|(_, span)| *span);
        let span = place(word, &SOURCE).or(from).unwrap_or(word.span());
        let path = directory::clean("/", mount.source.as_deref().unwrap_or_default());
        let seed = origin.map(|(origin, _)| self.source(&origin, mount.source.as_deref(), span));
        let namespace = self.build.options.arguments.get(NAMESPACE).map_or("", String::as_str);
        let id = mount.id.clone().unwrap_or_else(|| default_cache(raw));
        let sharing = match mount.sharing {
            None | Some(Written::Shared) => Sharing::Shared,
            Some(Written::Private) => Sharing::Private,
            Some(Written::Locked) => Sharing::Locked,
        };
        let is_owned = mount.mode.is_some() || mount.uid.is_some() || mount.gid.is_some();
        let cache = CacheMount {
            name: format!("{namespace}/{id}"),
            sharing,
            // A part of a cache has the owner that it was given.
            owner: (is_owned && path == "/").then(|| ownership(mount, 0o755)),
            path: if seed.is_some() || path == "/" { String::new() } else { path },
            seed,
            read_only: mount.read_only,
        };
        Ok((Mount { target, kind: MountKind::Cache(cache) }, span))
    }

    fn secret(
        &mut self,
        word: &Word,
        mount: &written::Mount,
    ) -> Result<Option<(Mount, Span)>, Diagnostic> {
        let named = mount.source.as_ref().or(mount.id.as_ref());
        let id = match (named, mount.target.as_deref()) {
            (Some(id), _) => id.clone(),
            (None, target) => base(target.unwrap_or_default()).to_owned(),
        };
        let span = place(word, &["id", "source", "src"]).unwrap_or(word.span());
        let required = mount.required;
        if let Some(name) = &mount.env {
            let name = if name.is_empty() { id.clone() } else { name.clone() };
            if name.contains(['=', '\0']) {
                let at = place(word, &["env"]).unwrap_or(word.span());
                return Err(fault(INVALID, at, format!("`{name}` cannot name a variable")));
            }
            self.mounts.secrets.push(SecretVariable { name, id: id.clone(), required });
            self.mounts.words.push(span);
        }
        let target = match (&mount.target, &mount.env) {
            (Some(target), _) => target.clone(),
            (None, Some(_)) => return Ok(None),
            (None, None) => format!("/run/secrets/{}", base(&id)),
        };
        let target = self.target(word, &target)?;
        let kind = MountKind::Secret(SecretFile { id, required, owner: ownership(mount, 0o400) });
        Ok(Some((Mount { target, kind }, span)))
    }

    fn agent(&mut self, word: &Word, mount: &written::Mount) -> Result<(Mount, Span), Diagnostic> {
        let target = match &mount.target {
            Some(target) => self.target(word, target)?,
            None => format!("/run/buildkit/ssh_agent.{}", self.agents),
        };
        self.agents += 1;
        self.mounts.agent.get_or_insert_with(|| target.clone());
        let id = mount.id.clone().unwrap_or_else(|| DEFAULT_AGENT.to_owned());
        let span = place(word, &["id"]).unwrap_or(word.span());
        let (required, owner) = (mount.required, ownership(mount, 0o600));
        let kind = MountKind::Agent(AgentSocket { id, required, owner });
        Ok((Mount { target, kind }, span))
    }

    fn origin(&self, word: &Word) -> Result<Option<(Origin, Span)>, Diagnostic> {
        origin_of(self.build.headers, self.stage.number, word, self.build.scope)
    }

    /// Where a mount appears, seen from the working directory.
    fn target(&self, word: &Word, target: &str) -> Result<String, Diagnostic> {
        let cleaned = directory::clean(&self.stage.working_directory(), target);
        if cleaned != "/" {
            return Ok(cleaned);
        }
        let at = place(word, &TARGET).unwrap_or(word.span());
        if target.is_empty() {
            let help = "say where it appears, as in `target=/path`";
            return Err(with_help(fault("mount-target", at, "the mount has no target"), help));
        }
        let message = "nothing can be mounted on the root directory";
        Err(with_help(fault("mount-target", at, message), "choose a directory in it"))
    }

    /// A place in a tree, which becomes an input.
    fn source(&mut self, origin: &Origin, path: Option<&str>, span: Span) -> MountSource {
        let path = directory::clean("/", path.unwrap_or_default());
        let Tree { vertex, is_context } = self.build.tree(origin);
        let input = self.mounts.sources.len();
        if !is_context {
            self.mounts.sources.push(vertex);
            return MountSource { input, path };
        }
        let want = Want { path: path.clone(), is_literal: true, ..Want::default() };
        self.build.graph.want_part(vertex, want);
        let subtree = self.build.graph.add(Vertex {
            op: Op::Subtree(SubtreeOp { path }),
            inputs: vec![vertex],
            name: None,
            span: Some(self.from.place(self.from.instruction.span)),
            words: vec![self.from.place(span)],
            cache: true,
        });
        self.mounts.sources.push(subtree);
        MountSource { input, path: SUBTREE.to_owned() }
    }
}

/// The span of the last option with one of these names.
fn place(word: &Word, names: &[&str]) -> Option<Span> {
    let (_, range) = written::option(word.as_str(), names)?;
    Some(word.span_of(range))
}

/// The name of a cache that has none: its target as it is written, cleaned.
fn default_cache(target: &str) -> String {
    let cleaned = directory::clean("/", target);
    match cleaned.strip_prefix('/') {
        Some(relative) if !target.starts_with('/') => match relative {
            "" => ".".to_owned(),
            relative => relative.to_owned(),
        },
        _ => cleaned,
    }
}

fn ownership(mount: &written::Mount, mode: u32) -> Ownership {
    Ownership {
        mode: mount.mode.unwrap_or(mode),
        uid: mount.uid.unwrap_or(0),
        gid: mount.gid.unwrap_or(0),
    }
}

/// What is behind the last slash of a path.
fn base(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}
