//! `lap image prune`.

use std::io::BufRead as _;

use lapstrake_image::{ImageSummary, Pruned, Removed};

use super::filter::Filters;
use crate::args::ImagePrune;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::{human, images, output, terminal};

/// Removes images without a name, or all of them, and says what that was in Docker's words.
pub(crate) fn run(prune: &ImagePrune, session: &Session) -> Result<Exit, Failure> {
    let filters = Filters::of_prune(&prune.filters)?;
    if !prune.force && !is_confirmed(prune.all)? {
        return Ok(Exit::FAILED);
    }
    // A digest that a registry knows is a name, too.
    let has_name = |image: &ImageSummary| !image.names.is_empty() || !image.digests.is_empty();
    let is_unwanted = |image: &ImageSummary| (prune.all || !has_name(image)) && filters.fit(image);
    let pruned = images::local(session.store()?).prune(&is_unwanted)?;
    output::stdout(&text(&pruned))?;
    Ok(Exit::SUCCESS)
}

fn is_confirmed(all: bool) -> Result<bool, Failure> {
    if !terminal::stdin_is_terminal() {
        return Err(Failure::new("nobody can be asked whether to remove images")
            .help("there is no terminal on standard input: -f removes without asking"));
    }
    let what = if all { "all images" } else { "all images without a name" };
    output::stderr(&format!("This removes {what}. Go on? [y/N] "));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Failure::new("cannot read the answer").because(&error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn text(pruned: &Pruned) -> String {
    let line = |removed: &Removed| match removed {
        Removed::Untagged(name) => format!("untagged: {}\n", name.familiar()),
        Removed::Deleted(digest) => format!("deleted: {digest}\n"),
    };
    let lines: String = pruned.removed.iter().map(line).collect();
    let head = if lines.is_empty() { "" } else { "Deleted Images:\n" };
    let behind = if lines.is_empty() { "" } else { "\n" };
    format!("{head}{lines}{behind}Total reclaimed space: {}\n", human::size(pruned.freed))
}
