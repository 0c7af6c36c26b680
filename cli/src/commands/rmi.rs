//! `lap rmi`.

use lapstrake_image::{Error, Removed};
use lapstrake_oci::Platform;

use crate::args::Rmi;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::{images, output, platform};

/// Removes each image; goes on with the next one when one cannot be removed.
pub(crate) fn run(rmi: &Rmi, session: &Session) -> Result<Exit, Failure> {
    let images = images::local(session.store_to_remove()?);
    let platforms = rmi.platform.iter().map(|text| platform::of_flag(Some(text)));
    let platforms: Vec<Platform> =
        platforms.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    let mut exit = Exit::SUCCESS;
    for name in &rmi.images {
        let removed = match &platforms[..] {
            [] => images.remove(name, rmi.force),
            _ => images.remove_platforms(name, &platforms, rmi.force),
        };
        match removed {
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
