//! Where the result of a build goes beside the store.

use std::fs;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use lapstrake_cache::{Store, Temporary};
use lapstrake_image::{Attestation, Destination, Form, ImageFiles, Images, write_tar};
use lapstrake_oci::{Annotated, Annotation, Annotations, Digest, Platform, Reference};
use lapstrake_rootfs::TreePath;
use lapstrake_solver::lower::Options;
use lapstrake_solver::{Built, Times};

use super::provenance::{self, Evidence};
use super::statement::{self, Parts};
use super::{metadata, sbom};
use crate::args::{
    ArchiveFormat, Build, FilePlan, LayerCompression, Output, OutputForm, OutputKind,
};
use crate::commands::push;
use crate::failure::Failure;
use crate::images;
use crate::progress::Activity;
use crate::session::Session;

/// All outputs of a build, checked against each other.
pub(super) struct Outputs {
    list: Vec<Output>,
    /// What `-t` calls the image.
    tags: Vec<Reference>,
    /// What `-t` and the outputs call the image.
    pub(super) names: Vec<Reference>,
    /// What all of them say of time.
    pub(super) times: Times,
    /// What is noted on the image in the store, and so wherever it goes.
    pub(super) annotations: Annotations,
}

impl Outputs {
    /// Reads what the command line says; `options` tell whether the result is several images.
    pub(super) fn read(build: &Build, options: &Options) -> Result<Self, Failure> {
        let mut list = build.outputs.clone();
        let is_pushed =
            list.iter().any(|output| matches!(output.kind, OutputKind::Registry { .. }));
        if build.push && !is_pushed {
            let times = times(&list)?;
            list.push(Output { times, ..Output::push() });
        }
        let mut names: Vec<Reference> = Vec::new();
        for name in build.tags.iter().chain(list.iter().flat_map(further_names)) {
            let name = images::new_name(name)?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let tags = names_of(&build.tags)?;
        let stored = |output: &&Output| matches!(output.kind, OutputKind::Store { .. });
        let noted = build.annotations.iter().flat_map(|flag| &flag.0);
        let noted = noted.chain(list.iter().filter(stored).flat_map(|output| &output.annotations));
        let annotations = Annotations(noted.cloned().collect());
        let outputs = Self { names, tags, times: times(&list)?, list, annotations };
        outputs.check(build, options)?;
        Ok(outputs)
    }

    fn check(&self, build: &Build, options: &Options) -> Result<(), Failure> {
        let is_index = options.has_several();
        let files: Vec<&PathBuf> = self.list.iter().filter_map(Output::file).collect();
        for (index, file) in files.iter().enumerate() {
            images::refuse_terminal(file)?;
            if files.iter().take(index).any(|other| other == file) {
                return Err(Failure::new(format!("two outputs go to {}", file.display()))
                    .help("give each a file of its own"));
            }
        }
        self.check_attestations(build)?;
        let noted = self.list.iter().flat_map(|output| &output.annotations);
        for annotation in self.annotations.0.iter().chain(noted) {
            check_annotation(annotation, options, is_index)?;
        }
        for output in &self.list {
            match &output.kind {
                OutputKind::Archive { format: ArchiveFormat::Docker, .. } if is_index => {
                    return Err(Failure::new(
                        "a docker archive holds one image, and this build gives an index of images",
                    )
                    .help("write type=oci, or name one platform"));
                }
                OutputKind::Archive { form, .. } | OutputKind::Layout { form, .. } => {
                    self.form(output, *form, LayerCompression::Uncompressed)?;
                }
                OutputKind::Registry { names, form } => {
                    self.form(output, *form, LayerCompression::Gzip)?;
                    if names.is_empty() && self.tags.is_empty() {
                        return Err(Failure::new("there is no name that says where to push")
                            .help("name the image with -t REGISTRY/NAME:TAG"));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What is told with an image goes with an index, in OCI's media types.
    fn check_attestations(&self, build: &Build) -> Result<(), Failure> {
        if build.attestations() == (None, false) {
            return Ok(());
        }
        let carries = |output: &Output| match &output.kind {
            OutputKind::Archive { format: ArchiveFormat::Oci, form, .. } => !form.docker_types,
            OutputKind::Layout { form, .. } | OutputKind::Registry { form, .. } => {
                !form.docker_types
            }
            OutputKind::Folder { .. } | OutputKind::Tar { .. } => true,
            OutputKind::Archive { .. } | OutputKind::Store { .. } => false,
        };
        match !self.list.is_empty() && self.list.iter().all(carries) {
            true => Ok(()),
            false => Err(Failure::new(
                "--provenance, --sbom and --attest go with files, and with images that leave in OCI's \
                 media types",
            )
            .help("add --push, -o type=oci,dest=FILE or -o FOLDER, and leave out other outputs")),
        }
    }

    /// Whether one of them writes to standard output.
    pub(super) fn is_on_stdout(&self) -> bool {
        self.list.iter().filter_map(Output::file).any(|file| file.as_path() == Path::new("-"))
    }

    /// Where the image goes, if it goes to registries and nowhere else, and nobody looks at its files
    /// here: the names, and the one form of all.
    pub(super) fn only_pushed(
        &self,
        build: &Build,
    ) -> Result<Option<(Vec<Reference>, Form)>, Failure> {
        let (_, with_packages) = build.attestations();
        if build.load || with_packages || self.list.is_empty() {
            return Ok(None);
        }
        let (mut all, mut forms) = (Vec::new(), Vec::new());
        for output in &self.list {
            let OutputKind::Registry { names, form } = &output.kind else { return Ok(None) };
            forms.push(self.form(output, *form, LayerCompression::Gzip)?);
            all.extend(self.destinations(names)?);
        }
        let is_one = |form: &Form| forms.iter().all(|other| other.packs_like(form));
        Ok(forms.iter().find(|form| is_one(form)).map(|form| (all, form.clone())))
    }

    /// The names that an output for registries goes to.
    fn destinations(&self, names: &[String]) -> Result<Vec<Reference>, Failure> {
        match names.is_empty() {
            true => Ok(self.tags.clone()),
            false => names_of(names),
        }
    }

    /// Writes and sends what was built.
    pub(super) fn deliver(
        &self,
        build: &Build,
        session: &Session,
        (built, evidence): (&Built, &Evidence),
    ) -> Result<(), Failure> {
        let said = self.attestations(build, session, built, evidence)?;
        let (mut sent, mut written) = (None, None);
        for output in &self.list {
            if let OutputKind::Registry { names, form } = &output.kind {
                let form = self.form(output, *form, LayerCompression::Gzip)?;
                let form = Form { attestations: said.clone(), ..form };
                sent = send(&self.destinations(names)?, build, session, &form)?.or(sent);
            } else {
                written = self.write(output, session, (built, &said))?.or(written);
            }
        }
        let document = sent.or(written).unwrap_or(built.document);
        if let Some(path) = &build.iidfile {
            write_file(path, "the id", &built.id.to_string())?;
        }
        if let Some(path) = &build.metadata_file {
            let images = images::local(session.store()?);
            let metadata = metadata::of(built, &document, &self.names, &images)?;
            write_file(path, "the metadata", &metadata)?;
        }
        Ok(())
    }

    /// What is said with the image, as the command line asks for.
    fn attestations(
        &self,
        build: &Build,
        session: &Session,
        built: &Built,
        evidence: &Evidence,
    ) -> Result<Vec<Attestation>, Failure> {
        let (told, with_packages) = build.attestations();
        let images = images::local(session.store()?);
        let mut said = Vec::new();
        if with_packages {
            said.extend(sbom::sbom(&images, built, self.names.first())?);
        }
        if let Some(told) = told {
            let platforms = images.platforms(&built.document)?;
            said.extend(provenance::provenance(&told, build, evidence, &platforms));
        }
        Ok(said)
    }

    /// The form that an output asks for; `usual` is how layers are compressed where it says nothing.
    fn form(
        &self,
        output: &Output,
        form: OutputForm,
        usual: LayerCompression,
    ) -> Result<Form, Failure> {
        let OutputForm { compression, level, force, docker_types } = form;
        let compression = match (compression, level) {
            (Some(compression), _) => compression,
            (None, Some(_)) => LayerCompression::Gzip,
            (None, None) => usual,
        };
        let packing = push::packing(compression, level)?;
        let mut annotations = self.annotations.clone();
        annotations.0.extend(output.annotations.iter().cloned());
        if docker_types && !annotations.is_empty() {
            return Err(Failure::new("an image with Docker's media types has no annotations")
                .help("leave out oci-mediatypes=false"));
        }
        Ok(Form { packing, repack: force, docker_types, annotations, ..Form::default() })
    }

    /// Writes one output. Returns the digest that the image has there.
    fn write(
        &self,
        output: &Output,
        session: &Session,
        (built, said): (&Built, &[Attestation]),
    ) -> Result<Option<Digest>, Failure> {
        let store = session.store()?;
        let images = images::local(store);
        match &output.kind {
            OutputKind::Store { .. } | OutputKind::Registry { .. } => Ok(None),
            OutputKind::Archive { format, destination, form } => {
                let form = self.form(output, *form, LayerCompression::Uncompressed)?;
                let form = Form { attestations: said.to_vec(), ..form };
                images::write_archive(destination, |out| {
                    let archive = Destination::Archive((*format).into(), out);
                    images.save_image(&built.document, &self.names, &form, archive)
                })
                .map(Some)
            }
            OutputKind::Layout { destination, form } => {
                let form = self.form(output, *form, LayerCompression::Uncompressed)?;
                let form = Form { attestations: said.to_vec(), ..form };
                let folder = Destination::Folder(destination);
                let saved = images.save_image(&built.document, &self.names, &form, folder);
                let failed = |error| {
                    Failure::new(format!("cannot write a layout to {}", destination.display()))
                        .because(&error)
                };
                saved.map(Some).map_err(failed)
            }
            OutputKind::Tar { destination, plan } => {
                let _lease = store.lease()?;
                let mut parts = parted(files(&images, built)?, plan.split);
                let (_folder, told) = beside(store, &parts, said, (built, plan))?;
                parts.extend(told);
                images::write_archive(destination, |out| write_tar(&parts, out)).map(|()| None)
            }
            OutputKind::Folder { destination, plan } => {
                let _lease = store.lease()?;
                let mut parts = parted(files(&images, built)?, plan.split);
                let (_folder, told) = beside(store, &parts, said, (built, plan))?;
                parts.extend(told);
                for (below, files) in parts {
                    let folder = destination.join(below.to_string().trim_start_matches('/'));
                    let folder = made(&folder)?;
                    files.write_into(folder.as_fd())?;
                }
                Ok(None)
            }
        }
    }
}

/// Refuses an annotation that would be on nothing.
fn check_annotation(
    annotation: &Annotation,
    options: &Options,
    is_index: bool,
) -> Result<(), Failure> {
    let Annotation { on, platform, key, .. } = annotation;
    if matches!(on, Annotated::Index | Annotated::IndexDescriptor) && !is_index {
        return Err(Failure::new(format!(
            "the annotation {key} is for an index, and none is built"
        ))
        .help("name several platforms, or give --build-arg BUILDKIT_MULTI_PLATFORM=1"));
    }
    let Some(platform) = platform.as_ref().map(Platform::normalized) else { return Ok(()) };
    let is_built = match &options.platforms[..] {
        [] => platform == options.build_platform.normalized(),
        platforms => platforms.iter().any(|built| built.normalized() == platform),
    };
    match is_built {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "the annotation {key} is for {platform}, for which nothing is built"
        ))),
    }
}

fn names_of(names: &[String]) -> Result<Vec<Reference>, Failure> {
    names.iter().map(|name| images::new_name(name)).collect()
}

/// Sends the image under all of these names. Returns the digest that it has there.
fn send(
    names: &[Reference],
    build: &Build,
    session: &Session,
    form: &Form,
) -> Result<Option<Digest>, Failure> {
    let images = images::anywhere(session.store()?)?;
    let mut digest = None;
    for name in names {
        let pushed = images::with_progress(Activity::Push, name, build.quiet, |report| {
            images.push(name, form, report)
        })?;
        digest = Some(pushed.digest);
    }
    Ok(digest)
}

/// The one thing that all outputs say of time: they share the image.
fn times(list: &[Output]) -> Result<Times, Failure> {
    let first = list.first().map(|output| output.times).unwrap_or_default();
    match list.iter().all(|output| output.times == first) {
        true => Ok(first),
        false => Err(Failure::new("the outputs want one image with different times").help(
            "give all of them the same rewrite-timestamp and source-date-epoch, or build twice",
        )),
    }
}

fn further_names(output: &Output) -> &[String] {
    match &output.kind {
        OutputKind::Store { names } | OutputKind::Registry { names, .. } => names,
        _ => &[],
    }
}

/// The files of all images that were built, with no time behind that of the build.
fn files(images: &Images<'_>, built: &Built) -> Result<Vec<ImageFiles>, Failure> {
    let files = images.files(&built.document)?.into_iter();
    Ok(match built.epoch {
        Some(epoch) => files.map(|files| files.no_later_than(epoch)).collect(),
        None => files.collect(),
    })
}

/// Statements about the parts, with no time behind that of the build.
fn beside(
    store: &Store,
    parts: &Parts,
    said: &[Attestation],
    (built, plan): (&Built, &FilePlan),
) -> Result<(Temporary, Parts), Failure> {
    let (folder, told) = statement::beside(store, parts, said, &plan.prefix)?;
    let in_time = |files: ImageFiles| match built.epoch {
        Some(epoch) => files.no_later_than(epoch),
        None => files,
    };
    Ok((folder, told.into_iter().map(|(below, files)| (below, in_time(files))).collect()))
}

/// Each with the folder that it goes into: its platform's when there are several, or when asked.
fn parted(files: Vec<ImageFiles>, split: Option<bool>) -> Parts {
    let split = split.unwrap_or(files.len() > 1);
    let below = |files: &ImageFiles| match split {
        true => TreePath::clean(files.platform.to_string().replace('/', "_").as_bytes()),
        false => TreePath::root(),
    };
    files.into_iter().map(|files| (below(&files), files)).collect()
}

/// Opens a folder, which is made where it is missing.
fn made(folder: &Path) -> Result<fs::File, Failure> {
    let made = fs::create_dir_all(folder).and_then(|()| fs::File::open(folder));
    made.map_err(|error| {
        Failure::new(format!("cannot write into the folder {}", folder.display())).because(&error)
    })
}

fn write_file(path: &Path, what: &str, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| {
        Failure::new(format!("cannot write {what} to {}", path.display())).because(&error)
    })
}
