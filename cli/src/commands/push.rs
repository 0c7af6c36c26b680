//! `lap push`.

use lapstrake_image::{Form, Images, Packing, Pushed};
use lapstrake_oci::{Compression, Reference};

use crate::args::{LayerCompression, Push};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Activity;
use crate::session::Session;
use crate::{images, output, platform};

/// Sends an image to a registry, or all images of a repository.
pub(crate) fn run(push: &Push, session: &Session) -> Result<Exit, Failure> {
    let reference = images::new_name(&push.image)?;
    let packing = packing(push.compression, push.compression_level)?;
    let form = Form { packing, repack: push.force_compression, ..Form::default() };
    let platform = platform::one(push.platform.as_deref())?;
    let images = images::anywhere(session.store()?)?;
    let references = match push.all_tags {
        true => all_tags(&images, &push.image, &reference)?,
        false => vec![reference.clone()],
    };
    if !push.quiet {
        output::stdout(&format!("The push refers to repository [{}]\n", reference.name()))?;
    }
    for reference in references {
        let pushed = images::with_progress(Activity::Push, &reference, push.quiet, |report| {
            images.push_for(&reference, platform.as_ref(), &form, report)
        })?;
        match push.quiet {
            true => output::stdout(&format!("{reference}\n"))?,
            false => output::stdout(&summary(reference.tag().unwrap_or("latest"), &pushed))?,
        }
    }
    Ok(Exit::SUCCESS)
}

/// What the store has in a repository.
fn all_tags(
    images: &Images<'_>,
    typed: &str,
    repository: &Reference,
) -> Result<Vec<Reference>, Failure> {
    images::refuse_tag(typed)?;
    let names = images.list()?.into_iter().flat_map(|image| image.names);
    let mut found: Vec<Reference> = names.filter(|name| name.name() == repository.name()).collect();
    found.sort_by_cached_key(ToString::to_string);
    found.dedup();
    match found.is_empty() {
        true => Err(Failure::new(format!("there is no image called {typed} with any tag"))),
        false => Ok(found),
    }
}

/// As Docker ends a push.
fn summary(tag: &str, pushed: &Pushed) -> String {
    let Pushed { digest, size, layers } = pushed;
    let sent = layers.iter().filter(|(_, how)| *how == lapstrake_image::Uploaded::Sent).count();
    let mounted =
        layers.iter().filter(|(_, how)| *how == lapstrake_image::Uploaded::Mounted).count();
    let existed = layers.len().saturating_sub(sent).saturating_sub(mounted);
    format!(
        "layers: {sent} sent, {mounted} mounted, {existed} there before\n\
         {tag}: digest: {digest} size: {size}\n"
    )
}

/// How layers are packed.
pub(crate) fn packing(
    compression: LayerCompression,
    level: Option<u32>,
) -> Result<Packing, Failure> {
    let out_of_range = |range: &str| {
        Failure::new(format!("the compression level has to be from {range}"))
            .help("leave it out for the usual level")
    };
    match (compression, level) {
        (LayerCompression::Uncompressed, None) => Ok(Packing::Plain),
        (LayerCompression::Uncompressed, Some(_)) => {
            Err(Failure::new("a compression level goes with gzip or zstd"))
        }
        (LayerCompression::Gzip, None) => Ok(Packing::usual(Compression::Gzip)),
        (LayerCompression::Gzip, Some(level)) => match level {
            level @ 0..=9 => Ok(Packing::Gzip(level)),
            _ => Err(out_of_range("0 to 9")),
        },
        (LayerCompression::Zstd, None) => Ok(Packing::usual(Compression::Zstd)),
        (LayerCompression::Zstd, Some(level)) => match i32::try_from(level) {
            Ok(level @ 1..=22) => Ok(Packing::Zstd(level)),
            _ => Err(out_of_range("1 to 22")),
        },
    }
}
