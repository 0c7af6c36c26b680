//! `lap save`.

use std::path::Path;

use lapstrake_image::Form;

use super::push::packing;
use crate::args::Save;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::images;
use crate::session::Session;

/// Writes images into an archive.
pub(crate) fn run(save: &Save, session: &Session) -> Result<Exit, Failure> {
    let destination = save.output.as_deref().unwrap_or(Path::new("-"));
    images::refuse_terminal(destination)?;
    let packing = packing(save.compression, save.compression_level)?;
    let form = Form { packing, repack: save.force_compression, ..Form::default() };
    let images = images::local(session.store()?);
    images::write_archive(destination, |out| {
        images.save(&save.images, &form, save.format.into(), out)
    })?;
    Ok(Exit::SUCCESS)
}
