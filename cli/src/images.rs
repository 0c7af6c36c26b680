//! The way from a command to the images of the store and of registries.

use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lapstrake_cache::Store;
use lapstrake_image::{
    Error as ImageError, Format, Images, LayerState as ImageLayer, Progress as ImageEvent,
    ResolvedImage,
};
use lapstrake_oci::{ImageConfig, Platform, Reference};
use lapstrake_registry::ClientConfig;
use lapstrake_solver::event::{ImageProgress, LayerState};

use crate::args::PullPolicy;
use crate::failure::Failure;
use crate::progress::{Activity, Conclusion, Mode, Progress};
use crate::whole_file::WholeFile;
use crate::{output, session, signal};

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        Self::of(&error)
    }
}

/// The images of the store, for commands that never ask a registry.
pub(crate) fn local(store: &Store) -> Images<'_> {
    Images::new(store, ClientConfig::default())
}

/// The images of the store and of the registries that the configuration knows.
pub(crate) fn anywhere(store: &Store) -> Result<Images<'_>, Failure> {
    Ok(Images::new(store, session::registries()?))
}

/// As a build tells it.
pub(crate) fn event_of(event: ImageEvent) -> ImageProgress {
    match event {
        ImageEvent::Resolving => ImageProgress::Resolving,
        ImageEvent::Downloading { done, total } => ImageProgress::Downloading { done, total },
        ImageEvent::Uploading { done, total } => ImageProgress::Uploading { done, total },
        ImageEvent::Layer { digest, done, total, state } => {
            let state = match state {
                ImageLayer::Moving => LayerState::Moving,
                ImageLayer::Arrived => LayerState::Arrived,
                ImageLayer::Existed => LayerState::Existed,
                ImageLayer::Mounted => LayerState::Mounted,
            };
            ImageProgress::Layer { digest: digest.to_string(), done, total, state }
        }
        ImageEvent::Ready { digest } => ImageProgress::Ready { digest: digest.to_string() },
    }
}

/// An image that can be run.
pub(crate) struct Runnable {
    pub(crate) config: ImageConfig,
    /// Overlayfs' lower directories, bottom first, the store's stubs below all.
    pub(crate) lower: Vec<PathBuf>,
}

/// The image to run, by name or id, for `platform`, else for this machine; pulled as the policy
/// says. The caller holds a lease.
pub(crate) fn runnable(
    store: &Store,
    name: &OsStr,
    policy: PullPolicy,
    platform: Option<&Platform>,
    quiet: bool,
) -> Result<Runnable, Failure> {
    let name = name.to_string_lossy();
    let images = anywhere(store)?;
    let wanted = platform.cloned().unwrap_or_else(Platform::host);
    let image = match policy {
        PullPolicy::Always => pulled(&images, &parsed(&name)?, &wanted, quiet)?,
        PullPolicy::Never => images.find_for(&name, &wanted)?,
        PullPolicy::Missing => match (images.find_for(&name, &wanted), Reference::parse(&name)) {
            (Err(ImageError::NoSuchImage { .. }), Ok(reference)) => {
                output::stderr(&format!("Unable to find image '{name}' locally\n"));
                pulled(&images, &reference, &wanted, quiet)?
            }
            // One that was built only to be pushed: its layers are where its name says.
            (Ok(image), Ok(reference)) if !images.has_layers(&image)? => {
                output::stderr(&format!("Layers of image '{name}' are missing locally\n"));
                pulled(&images, &reference, &wanted, quiet)
                    .map_err(|failure| failure.add_help(&incomplete(&name)))?
            }
            (found, _) => found?,
        },
    };
    let is = image.config.platform();
    if !wanted.accepts(&is) {
        output::stderr(&format!("warning: the image {name} is for {is}, not for {wanted}\n"));
    }
    let mut lower = vec![store.stubs()];
    lower.extend(images.rootfs_of(&image)?);
    Ok(Runnable { config: image.config, lower })
}

/// What to do about an image whose layers are neither here nor where its name says.
fn incomplete(name: &str) -> String {
    format!(
        "the store has {name} without its layers: they went elsewhere when it was built, or were damaged and removed; build it again"
    )
}

fn pulled(
    images: &Images<'_>,
    reference: &Reference,
    platform: &Platform,
    quiet: bool,
) -> Result<ResolvedImage, Failure> {
    signal::leave_nothing()?;
    let pulled = with_progress(Activity::Pull, reference, quiet, |report| {
        images.pull(reference, platform, report)
    })?;
    Ok(pulled.image)
}

/// Shows on standard error how an image comes in or goes out.
pub(crate) fn with_progress<T>(
    activity: Activity,
    reference: &Reference,
    quiet: bool,
    transfer: impl FnOnce(&(dyn Fn(ImageEvent) + Sync)) -> Result<T, ImageError>,
) -> Result<T, Failure> {
    let mode = match output::stderr_is_terminal() {
        _ if quiet => Mode::Quiet,
        true => Mode::Tty,
        false => Mode::Plain,
    };
    let progress = Progress::new(mode, activity);
    let name = reference.familiar();
    let moved = transfer(&|event| progress.image(&name, event_of(event)));
    match moved {
        Ok(moved) => {
            progress.finish(&Conclusion::Done);
            Ok(moved)
        }
        Err(error) => {
            let image = Some(name.as_str());
            progress.finish(&Conclusion::Failed { reason: "it failed", image });
            Err(error.into())
        }
    }
}

/// A name as a user writes it.
pub(crate) fn parsed(name: &str) -> Result<Reference, Failure> {
    Reference::parse(name).map_err(|error| Failure::of(&error))
}

/// For all tags of a repository none is given.
pub(crate) fn refuse_tag(name: &str) -> Result<(), Failure> {
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.contains([':', '@']) {
        true => Err(Failure::new(format!("{name} has a tag, which cannot go with --all-tags"))),
        false => Ok(()),
    }
}

/// A name that an image is to get.
pub(crate) fn new_name(name: &str) -> Result<Reference, Failure> {
    let reference = parsed(name)?;
    match reference.digest() {
        None => Ok(reference),
        Some(_) => Err(Failure::new(format!("the name {name} has a digest, which cannot be set"))
            .help("write NAME:TAG")),
    }
}

/// Archives do not go to a terminal. The destination `-` is standard output.
pub(crate) fn refuse_terminal(destination: &Path) -> Result<(), Failure> {
    if is_stdout(destination) && output::stdout_is_terminal() {
        return Err(Failure::new("refusing to write an archive to a terminal")
            .help("name a file, or redirect standard output"));
    }
    Ok(())
}

fn is_stdout(destination: &Path) -> bool {
    destination == Path::new("-")
}

/// Writes an archive to a file, which is there as a whole or not at all, or to standard output.
pub(crate) fn write_archive<T, E: Error + 'static>(
    destination: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<T, Failure> {
    refuse_terminal(destination)?;
    if is_stdout(destination) {
        return write(&mut output::raw_stdout()).map_err(|error| Failure::of_writing(&error));
    }
    let cannot = |error: &io::Error| {
        Failure::new(format!("cannot write {}", destination.display())).because(error)
    };
    if fs::metadata(destination).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        // A device or a pipe.
        let file = fs::File::options().write(true).open(destination);
        let mut file = file.map_err(|error| cannot(&error))?;
        return write(&mut file).map_err(|error| Failure::of(&error));
    }
    let mut file = WholeFile::new(destination).map_err(|error| cannot(&error))?;
    let written = write(file.file()).map_err(|error| Failure::of(&error))?;
    file.keep(destination).map_err(|error| cannot(&error))?;
    Ok(written)
}

/// What the user calls an image whose full name is `name`.
pub(crate) fn familiar(name: &str) -> String {
    Reference::parse(name).map_or_else(|_| name.to_owned(), |reference| reference.familiar())
}

impl From<crate::args::ArchiveFormat> for Format {
    fn from(format: crate::args::ArchiveFormat) -> Self {
        match format {
            crate::args::ArchiveFormat::Oci => Self::Oci,
            crate::args::ArchiveFormat::Docker => Self::Docker,
        }
    }
}
