//! `lap tag`.

use crate::args::Tag;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::images;
use crate::session::Session;

/// Gives an image another name.
pub(crate) fn run(tag: &Tag, session: &Session) -> Result<Exit, Failure> {
    let name = images::new_name(&tag.name)?;
    images::local(session.store()?).tag(&tag.image, &name)?;
    Ok(Exit::SUCCESS)
}
