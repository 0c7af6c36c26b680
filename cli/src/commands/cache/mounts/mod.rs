//! `lap cache mounts`: the folders behind `RUN --mount=type=cache`.

mod export;
mod find;
mod import;
mod ls;
mod rm;

use lapstrake_cache::CacheMount;

use crate::args::MountsCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;

/// Runs a command on cache mounts.
pub(super) fn run(command: &MountsCommand, session: &Session) -> Result<Exit, Failure> {
    match command {
        MountsCommand::Ls(asked) => ls::run(asked, session),
        MountsCommand::Rm(asked) => rm::run(asked, session),
        MountsCommand::Export(asked) => export::run(asked, session),
        MountsCommand::Import(asked) => import::run(asked, session),
    }
}

/// A mount by name and id.
pub(super) fn shown(mount: &CacheMount) -> String {
    format!("{} ({})", mount.title(), find::short_id(mount))
}
