//! `lap pull`.

use lapstrake_image::Images;
use lapstrake_oci::{Platform, Reference};

use crate::args::Pull;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Activity;
use crate::session::Session;
use crate::{images, output, platform};

/// Fetches an image from a registry, or all images of a repository.
pub(crate) fn run(pull: &Pull, session: &Session) -> Result<Exit, Failure> {
    let platform = platform::one(pull.platform.as_deref())?.unwrap_or_else(Platform::host);
    let reference = images::parsed(&pull.image)?;
    let images = images::anywhere(session.store()?)?;
    if pull.all_tags {
        return all_tags(pull, &images, &reference, &platform);
    }
    let tag = reference.tag().filter(|_| reference.digest().is_none());
    let is_default = tag.is_some_and(|tag| !pull.image.ends_with(&format!(":{tag}")));
    if is_default && !pull.quiet {
        output::stdout("Using default tag: latest\n")?;
    }
    let updated = one(pull, &images, &reference, &platform)?;
    if !pull.quiet {
        output::stdout(&status(updated, &reference.familiar()))?;
    }
    output::stdout(&format!("{reference}\n"))?;
    Ok(Exit::SUCCESS)
}

fn all_tags(
    pull: &Pull,
    images: &Images<'_>,
    repository: &Reference,
    platform: &Platform,
) -> Result<Exit, Failure> {
    images::refuse_tag(&pull.image)?;
    let mut updated = false;
    for tag in images.remote_tags(repository)? {
        let reference = repository.with_tag(&tag).map_err(|error| Failure::of(&error))?;
        updated |= one(pull, images, &reference, platform)?;
    }
    if !pull.quiet {
        output::stdout(&status(updated, &repository.familiar_name()))?;
    }
    output::stdout(&format!("{}\n", repository.name()))?;
    Ok(Exit::SUCCESS)
}

/// Returns whether anything changed.
fn one(
    pull: &Pull,
    images: &Images<'_>,
    reference: &Reference,
    platform: &Platform,
) -> Result<bool, Failure> {
    if !pull.quiet {
        let tag = reference.tag().filter(|_| reference.digest().is_none());
        let what = tag.map_or_else(|| reference.familiar(), str::to_owned);
        output::stdout(&format!("{what}: Pulling from {}\n", reference.repository()))?;
    }
    let pulled = images::with_progress(Activity::Pull, reference, pull.quiet, |report| {
        images.pull(reference, platform, report)
    })?;
    if !pull.quiet {
        output::stdout(&format!("Digest: {}\n", pulled.digest))?;
    }
    Ok(pulled.updated)
}

fn status(updated: bool, name: &str) -> String {
    let status = match updated {
        true => "Downloaded newer image for",
        false => "Image is up to date for",
    };
    format!("Status: {status} {name}\n")
}
