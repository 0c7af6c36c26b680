//! `lap diff`.

use crate::args::Diff;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::text::list_entry;
use crate::{images, output, platform};

/// Shows what one image's files change of another's, a path a line, as `docker diff` does.
pub(crate) fn run(diff: &Diff, session: &Session) -> Result<Exit, Failure> {
    let platform = platform::of_flag(diff.platform.as_deref())?;
    let images = images::local(session.store_to_read()?);
    let changes = images.diff(&diff.before, &diff.after, platform.as_ref())?;
    let lines = changes.iter().map(|change| {
        format!("{} {}\n", change.kind.letter(), list_entry(&change.path.to_string()))
    });
    output::stdout(&lines.collect::<String>())?;
    Ok(Exit::SUCCESS)
}
