//! `lap save`.

use std::path::Path;

use lapstrake_image::{Destination, Form, Images};
use lapstrake_oci::{Digest, Platform, Reference};

use super::push::packing;
use crate::args::Save;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::{images, platform};

/// Writes images into an archive.
pub(crate) fn run(save: &Save, session: &Session) -> Result<Exit, Failure> {
    let destination = save.output.as_deref().unwrap_or(Path::new("-"));
    images::refuse_terminal(destination)?;
    let packing = packing(save.compression, save.compression_level)?;
    let form = Form { packing, repack: save.force_compression, ..Form::default() };
    let images = images::local(session.store()?);
    let platform = platform::of_flag(save.platform.as_deref())?;
    let format = save.format.into();
    match platform {
        Some(platform) => {
            let (image, name) = one(save, &images, &platform)?;
            let names: Vec<Reference> = name.into_iter().collect();
            images::write_archive(destination, |out| {
                images
                    .save_image(&image, &names, &form, Destination::Archive(format, out))
                    .map(drop)
            })?;
        }
        None => {
            images::write_archive(destination, |out| images.save(&save.images, &form, format, out))?
        }
    }
    Ok(Exit::SUCCESS)
}

/// The manifest of the one image that is saved for a platform, and the name that it gets.
fn one(
    save: &Save,
    images: &Images<'_>,
    platform: &Platform,
) -> Result<(Digest, Option<Reference>), Failure> {
    let [name] = &save.images[..] else {
        return Err(Failure::new("with --platform one image is saved at a time"));
    };
    let image = images.chosen(name, Some(platform))?;
    let tag = Reference::parse(name).ok().filter(|name| name.digest().is_none());
    // An id is no name.
    let is_id = image.id().hex().starts_with(name.trim_start_matches("sha256:"));
    Ok((image.digest, tag.filter(|_| !is_id)))
}
