//! `lap export`: the files of an image without the image.
//!
//! Docker's exports a container. Here containers end with their command, and what can be exported is
//! what one would begin with.

use std::path::Path;

use lapstrake_image::write_tar;
use lapstrake_rootfs::TreePath;

use crate::args::Export;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::{images, platform};

/// Writes the tar; a file appears when it is whole.
pub(crate) fn run(export: &Export, session: &Session) -> Result<Exit, Failure> {
    let destination = export.output.as_deref().unwrap_or(Path::new("-"));
    images::refuse_terminal(destination)?;
    let store = session.store()?;
    let images = images::local(store);
    let _lease = store.lease().map_err(|error| Failure::of(&error))?;
    let platform = platform::of_flag(export.platform.as_deref())?;
    let image = images.chosen(&export.image, platform.as_ref())?;
    let parts: Vec<_> =
        images.files(&image.digest)?.into_iter().map(|files| (TreePath::root(), files)).collect();
    images::write_archive(destination, |out| write_tar(&parts, out))?;
    Ok(Exit::SUCCESS)
}
