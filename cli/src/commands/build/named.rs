//! `--build-context`: what stands in the place of images and stages.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use lapstrake_image::Choice;
use lapstrake_oci::Reference;
use lapstrake_solver::lower::{NamedContext, NamedContexts, RESERVED};
use lapstrake_solver::op::Context;
use lapstrake_source::Fetched;

use super::context::{Remote, common_ignore, is_remote};
use crate::args::Assignment;
use crate::failure::Failure;
use crate::fetcher::Layouts;

/// The named contexts of a build, and where their content is.
#[derive(Default)]
pub(super) struct Named {
    pub(super) contexts: NamedContexts,
    /// Those of files: folders, and what was fetched.
    pub(super) files: Vec<(String, Context)>,
    /// The times that fetched ones have, in seconds since 1970.
    pub(super) times: BTreeMap<String, i64>,
    /// Repositories and URLs that are still to be fetched.
    remotes: Vec<(String, String)>,
    pub(super) layouts: Layouts,
}

impl Named {
    /// Reads what the flags say. Nothing is fetched.
    pub(super) fn read(flags: &[Assignment]) -> Result<Self, Failure> {
        let mut named = Self::default();
        for Assignment { name, value } in flags {
            let Some(value) = value.as_deref().filter(|value| !value.is_empty()) else {
                return Err(Failure::new(format!("the build context {name} has no value"))
                    .help("write --build-context NAME=DIRECTORY, or another source"));
            };
            let name = canonical(name)?;
            named.add(name, value)?;
        }
        Ok(named)
    }

    /// Fetches what is elsewhere.
    pub(super) fn fetch(&mut self, remote: &Remote<'_>) -> Result<(), Failure> {
        for (name, value) in std::mem::take(&mut self.remotes) {
            let Fetched { layer, modified, .. } = remote.named(&name, &value)?;
            self.times.extend(modified.map(|time| (name.clone(), time)));
            self.files.push((name, Context::Layer(layer)));
        }
        Ok(())
    }

    fn add(&mut self, name: String, value: &str) -> Result<(), Failure> {
        if let Some(image) = value.strip_prefix("docker-image://") {
            let context = match image {
                "scratch" => NamedContext::Scratch,
                image => NamedContext::Image(reference(&name, image)?),
            };
            self.contexts.insert(name, context);
        } else if let Some(text) = value.strip_prefix("oci-layout://") {
            self.layouts.insert(name.clone(), layout(&name, text)?);
            self.contexts.insert(name, NamedContext::Layout);
        } else if is_remote(value) {
            self.remotes.push((name.clone(), value.to_owned()));
            self.contexts.insert(name, NamedContext::Files);
        } else if let Some((scheme, _)) = value.split_once("://") {
            return Err(Failure::new(format!(
                "the build context {name} has an unknown kind of source, {scheme}://"
            ))
            .help(
                "write a directory, docker-image://NAME, oci-layout://DIRECTORY, a repository or a URL",
            ));
        } else {
            let directory = folder(&name, value)?;
            let ignore = common_ignore(&directory)?;
            self.files.push((name.clone(), Context::Folder { directory, ignore }));
            self.contexts.insert(name, NamedContext::Files);
        }
        Ok(())
    }
}

fn canonical(name: &str) -> Result<String, Failure> {
    let canonical = NamedContexts::name(name).map_err(|error| {
        Failure::new(format!("{name} cannot name a build context")).because(&error)
    })?;
    if RESERVED.contains(&canonical.as_str()) {
        return Err(Failure::new(format!(
            "{name} cannot name a build context: the word has a meaning of its own"
        ))
        .help("choose another name"));
    }
    Ok(canonical)
}

fn reference(name: &str, image: &str) -> Result<Reference, Failure> {
    Reference::parse(image).map_err(|error| {
        Failure::new(format!("cannot use the build context {name}")).because(&error)
    })
}

/// `DIRECTORY[:TAG][@DIGEST]`.
fn layout(name: &str, text: &str) -> Result<(PathBuf, Choice), Failure> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let (path, tag) = match rest.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (rest, None),
    };
    let choice = match (digest, tag) {
        (Some(digest), _) => {
            Choice::Digest(digest.parse().map_err(|error: lapstrake_oci::Error| {
                Failure::new(format!("cannot use the build context {name}")).because(&error)
            })?)
        }
        (None, Some(tag)) => Choice::Tag(tag.to_owned()),
        (None, None) => Choice::Only,
    };
    Ok((folder(name, path)?, choice))
}

/// An existing folder, absolute.
fn folder(name: &str, path: &str) -> Result<PathBuf, Failure> {
    let cannot = |error: &io::Error| {
        Failure::new(format!("cannot use the build context {name}: {path}")).because(error)
    };
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => std::path::absolute(path).map_err(|error| cannot(&error)),
        Ok(_) => Err(Failure::new(format!("the build context {name} is not a directory: {path}"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::new(format!("the build context {name} does not exist: {path}"))
                .help("write a directory, docker-image://NAME or oci-layout://DIRECTORY"))
        }
        Err(error) => Err(cannot(&error)),
    }
}
