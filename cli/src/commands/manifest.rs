//! `lap manifest`.

use lapstrake_image::{Images, PlatformChange};
use lapstrake_oci::{Descriptor, Document, Index, Manifest, MediaType, Reference};
use serde::Serialize;

use crate::args::{
    ManifestAnnotate, ManifestCommand, ManifestCreate, ManifestInspect, ManifestPush, ManifestRm,
};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{self, Session};
use crate::{images, output};

/// Lists of images for several platforms.
pub(crate) fn run(command: &ManifestCommand, session: &Session) -> Result<Exit, Failure> {
    match command {
        ManifestCommand::Inspect(inspect) => self::inspect(inspect, session),
        ManifestCommand::Create(create) => self::create(create, session),
        ManifestCommand::Annotate(annotate) => self::annotate(annotate, session),
        ManifestCommand::Push(push) => self::push(push, session),
        ManifestCommand::Rm(rm) => self::rm(rm, session),
    }
}

/// With `insecure`, the registries of these names are as if they were configured so.
fn reached<'a>(
    session: &'a Session,
    insecure: bool,
    names: &[&Reference],
) -> Result<Images<'a>, Failure> {
    let mut config = session::registries()?;
    for name in names.iter().filter(|_| insecure) {
        config.registries.entry(name.registry().to_owned()).or_default().insecure = true;
    }
    Ok(Images::new(session.store()?, config))
}

fn create(create: &ManifestCreate, session: &Session) -> Result<Exit, Failure> {
    let list = images::new_name(&create.list)?;
    let sources = create.manifests.iter().map(|name| images::parsed(name));
    let sources = sources.collect::<Result<Vec<Reference>, Failure>>()?;
    let all: Vec<&Reference> = sources.iter().collect();
    let images = reached(session, create.insecure, &all)?;
    images.create_list(&list, &sources, create.amend)?;
    output::stdout(&format!("Created manifest list {list}\n"))?;
    Ok(Exit::SUCCESS)
}

fn annotate(annotate: &ManifestAnnotate, session: &Session) -> Result<Exit, Failure> {
    let (list, entry) = (images::new_name(&annotate.list)?, images::parsed(&annotate.manifest)?);
    let change = PlatformChange {
        os: annotate.os.clone(),
        architecture: annotate.arch.clone(),
        variant: annotate.variant.clone(),
        os_version: annotate.os_version.clone(),
        os_features: annotate.os_features.clone(),
    };
    images::anywhere(session.store()?)?.annotate_list(&list, &entry, &change)?;
    Ok(Exit::SUCCESS)
}

fn push(push: &ManifestPush, session: &Session) -> Result<Exit, Failure> {
    let list = images::new_name(&push.list)?;
    let images = reached(session, push.insecure, &[&list])?;
    let (digest, _) = images.push_list(&list)?;
    if push.purge {
        images.remove(&list.to_string(), false)?;
    }
    output::stdout(&format!("{digest}\n"))?;
    Ok(Exit::SUCCESS)
}

fn rm(rm: &ManifestRm, session: &Session) -> Result<Exit, Failure> {
    let images = images::local(session.store()?);
    let mut exit = Exit::SUCCESS;
    for name in &rm.lists {
        let list = images::new_name(name)?;
        match images.stored_list(&list)? {
            Some(_) => drop(images.remove(&list.to_string(), false)?),
            None => {
                exit = Exit::FAILED;
                let message = format!("there is no list of images called {name}");
                output::stderr(&Failure::new(message).text());
            }
        }
    }
    Ok(exit)
}

fn inspect(inspect: &ManifestInspect, session: &Session) -> Result<Exit, Failure> {
    let names = inspect.names.iter().map(|name| images::parsed(name));
    let names = names.collect::<Result<Vec<Reference>, Failure>>()?;
    let Some(name) = names.last() else {
        return Err(Failure::new("no manifest is named"));
    };
    let images = reached(session, inspect.insecure, &names.iter().collect::<Vec<_>>())?;
    if let [list, entry] = &names[..] {
        check_entry(&images, list, entry)?;
    }
    if inspect.referrers {
        let about = Index::new(MediaType::OciIndex, images.referrers(name)?);
        output::foreign(&pretty(&about)?)?;
        return Ok(Exit::SUCCESS);
    }
    let stored = images.stored_list(name)?;
    let text = match stored.filter(|_| names.len() == 1 && !inspect.verbose) {
        Some(index) => pretty(&index)?,
        None => remote(&images, name, inspect.verbose)?,
    };
    output::foreign(&text)?;
    Ok(Exit::SUCCESS)
}

/// The entry has to be in the list that is here.
fn check_entry(images: &Images<'_>, list: &Reference, entry: &Reference) -> Result<(), Failure> {
    let digest = match entry.digest() {
        Some(digest) => digest,
        None => images.remote_document(entry)?.digest,
    };
    let index = images.stored_list(list)?;
    let is_there =
        index.is_some_and(|index| index.manifests.iter().any(|known| known.digest == digest));
    match is_there {
        true => Ok(()),
        false => Err(Failure::new(format!("{entry} is not in a list called {list} here"))),
    }
}

fn remote(images: &Images<'_>, name: &Reference, verbose: bool) -> Result<String, Failure> {
    let resolved = images.remote_document(name)?;
    match &resolved.document {
        Document::Manifest(manifest) if verbose => {
            pretty(&Described::new(name, resolved.descriptor(), manifest.as_ref().clone()))
        }
        Document::Manifest(manifest) => pretty(manifest),
        Document::Index(index) if verbose => {
            let mut all = Vec::new();
            for entry in &index.manifests {
                if let Document::Manifest(manifest) = images.remote_entry(name, entry)?.document {
                    let name = name.with_digest(entry.digest);
                    all.push(Described::new(&name, entry.clone(), *manifest));
                }
            }
            pretty(&all)
        }
        Document::Index(index) => pretty(index),
    }
}

/// A manifest as Docker describes it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    r#ref: String,
    descriptor: Descriptor,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_v2_manifest: Option<Manifest>,
    #[serde(rename = "OCIManifest", skip_serializing_if = "Option::is_none")]
    oci_manifest: Option<Manifest>,
}

impl Described {
    fn new(name: &Reference, descriptor: Descriptor, manifest: Manifest) -> Self {
        let is_docker = descriptor.media_type == MediaType::DockerManifest;
        let (schema_v2_manifest, oci_manifest) =
            if is_docker { (Some(manifest), None) } else { (None, Some(manifest)) };
        Self { r#ref: name.to_string(), descriptor, schema_v2_manifest, oci_manifest }
    }
}

/// Fields stay in the order of the specification.
fn pretty(shown: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(shown)
        .map_err(|error| Failure::new("cannot show the manifest as JSON").because(&error))?;
    Ok(text + "\n")
}
