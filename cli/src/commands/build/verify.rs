//! `--verify-reproducible`: two builds that know nothing of each other, compared.

use std::path::Path;

use lapstrake_cache::{Store, Temporary};
use lapstrake_image::{Aspect, Difference, differences};
use lapstrake_oci::Digest;

use super::{Wanted, build_with, with_means};
use crate::args::{Build, OutputKind};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Mode;
use crate::session::Session;
use crate::{images, output};

/// Builds twice, each time in an empty store with nothing but the images that the Dockerfile starts
/// from, and prints what differs. Nothing is kept.
pub(super) fn run(build: &Build, session: &Session) -> Result<Exit, Failure> {
    check(build)?;
    let bases = session.store()?;
    let [one, two] = [Attempt::new(build, bases)?, Attempt::new(build, bases)?];
    let found = differences(
        (&images::local(one.session.store()?), &one.document),
        (&images::local(two.session.store()?), &two.document),
    )?;
    if one.document == two.document {
        output::stdout(&format!("{}\n", one.document))?;
        return Ok(Exit::SUCCESS);
    }
    for difference in &found {
        output::stdout(&format!("{}\n", shown(difference)))?;
    }
    let count = found.len();
    let failure = Failure::new(format!("the two builds differ in {count} things"));
    match found.iter().all(is_time) {
        true => Err(failure.help(
            "only times differ: give --build-arg SOURCE_DATE_EPOCH=SECONDS and \
             -o type=image,rewrite-timestamp=true",
        )),
        false => Err(failure),
    }
}

/// What was typed that cannot be done twice, or would be done to no end.
fn check(build: &Build) -> Result<(), Failure> {
    let is_stdin = |path: &Path| path == Path::new("-");
    if is_stdin(&build.context) || build.file.as_deref().is_some_and(is_stdin) {
        return Err(Failure::new("standard input cannot be read twice")
            .help("--verify-reproducible needs a context and a Dockerfile in files"));
    }
    let leaves = build.outputs.iter().any(|out| !matches!(out.kind, OutputKind::Store { .. }));
    let names_file = build.iidfile.is_some() || build.metadata_file.is_some();
    if leaves || names_file || build.push {
        return Err(Failure::new("--verify-reproducible keeps nothing that could go anywhere")
            .help("leave out --push, --iidfile, --metadata-file and outputs but type=image"));
    }
    Ok(())
}

/// One build in a store of its own.
struct Attempt {
    session: Session,
    document: Digest,
    /// What the store is in.
    _folder: Temporary,
}

impl Attempt {
    fn new(build: &Build, bases: &Store) -> Result<Self, Failure> {
        let folder = bases.temporary().map_err(|error| Failure::of(&error))?;
        let store = Store::open(&folder.path().join("store"));
        let session = Session::with(store.map_err(|error| Failure::of(&error))?);
        let mode = super::mode(build)?;
        let wanted = Wanted { bases: Some(bases), ..Wanted::read(build)? };
        let built = with_means(build, &session, mode, |means| {
            build_with(build, means, wanted).map(|done| done.built)
        })?;
        if mode != Mode::Quiet {
            output::stderr(&format!("built {}\n", built.document));
        }
        Ok(Self { session, document: built.document, _folder: folder })
    }
}

fn shown(difference: &Difference) -> String {
    match difference {
        Difference::File { step, path, aspects } => {
            let aspects: Vec<String> = aspects.iter().map(ToString::to_string).collect();
            let step = step.strip_suffix(" # lap").unwrap_or(step);
            format!("{path}: {} ({step})", aspects.join(", "))
        }
        Difference::Config { field } => format!("config: {field}"),
        Difference::Count => "one has layers or images that the other has not".to_owned(),
    }
}

fn is_time(difference: &Difference) -> bool {
    match difference {
        Difference::File { aspects, .. } => aspects[..] == [Aspect::Time],
        Difference::Config { field } => matches!(field.as_str(), "created" | "history"),
        Difference::Count => false,
    }
}
