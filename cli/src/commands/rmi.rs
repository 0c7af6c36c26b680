//! `lap rmi`.

use lapstrake_image::{Error, Removed};

use crate::args::Rmi;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::{images, output};

/// Removes each image; goes on with the next one when one cannot be removed.
pub(crate) fn run(rmi: &Rmi, session: &Session) -> Result<Exit, Failure> {
    let images = images::local(session.store()?);
    let mut exit = Exit::SUCCESS;
    for name in &rmi.images {
        match images.remove(name, rmi.force) {
            Ok(removed) => output::stdout(&removed.iter().map(line).collect::<String>())?,
            Err(error) => {
                // Docker's `-f` is content when there is nothing to remove.
                if !(rmi.force && matches!(error, Error::NoSuchImage { .. })) {
                    exit = Exit::FAILED;
                }
                output::stderr(&Failure::of(&error).text());
            }
        }
    }
    Ok(exit)
}

fn line(removed: &Removed) -> String {
    match removed {
        Removed::Untagged(name) => format!("Untagged: {}\n", name.familiar()),
        Removed::Deleted(digest) => format!("Deleted: {digest}\n"),
    }
}
