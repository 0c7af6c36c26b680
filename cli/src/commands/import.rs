//! `lap import`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use lapstrake_image::ImportOptions;

use crate::args::Import;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::{images, output, terminal};

/// Makes an image from the tar of a root file system, and prints its id.
pub(crate) fn run(import: &Import, session: &Session) -> Result<Exit, Failure> {
    let name = import.name.as_deref().map(images::new_name).transpose()?;
    let reader = reader(&import.file)?;
    let mut options = ImportOptions::default();
    if let Some(message) = &import.message {
        options.message.clone_from(message);
    }
    let images = images::local(session.store()?);
    let imported = images.import(reader, name.as_ref(), &options)?;
    output::stdout(&format!("{}\n", imported.id))?;
    Ok(Exit::SUCCESS)
}

fn reader(path: &Path) -> Result<Box<dyn Read + Send>, Failure> {
    if path == Path::new("-") {
        if terminal::stdin_is_terminal() {
            return Err(Failure::new("refusing to read an archive from a terminal")
                .help("name a file, or redirect standard input"));
        }
        return Ok(Box::new(io::stdin()));
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => {
            let failure = Failure::new(format!("cannot open {}", path.display())).because(&error);
            let remote = path.starts_with("http:") || path.starts_with("https:");
            Err(if remote { failure.help("URLs are not supported yet") } else { failure })
        }
    }
}
