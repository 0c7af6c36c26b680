//! `lap cache`.

mod du;
mod group;
mod mounts;
mod prune;
mod verify;
mod why;

use crate::args::CacheCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;

/// Runs a command on the store.
pub(crate) fn run(command: &CacheCommand, session: &Session) -> Result<Exit, Failure> {
    match command {
        CacheCommand::Du(du) => du::run(du, session),
        CacheCommand::Mounts(command) => mounts::run(command, session),
        CacheCommand::Prune(prune) => prune::run(prune, session),
        CacheCommand::Why(why) => why::run(why, session),
        CacheCommand::Verify(verify) => verify::run(verify, session),
    }
}
