//! `lap load`.

use std::fs::File;
use std::io;
use std::path::Path;

use lapstrake_image::{Input, Loaded};
use lapstrake_oci::Platform;

use crate::args::Load;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::{images, output, platform, terminal};

/// Reads images from an archive.
pub(crate) fn run(load: &Load, session: &Session) -> Result<Exit, Failure> {
    let input = input(load.input.as_deref())?;
    let platform = platform::of_flag(load.platform.as_deref())?.unwrap_or_else(Platform::host);
    let images = images::local(session.store()?);
    let loaded = images.load(input, &platform, &|_| {})?;
    output::stdout(&loaded.iter().map(lines).collect::<String>())?;
    Ok(Exit::SUCCESS)
}

fn input(path: Option<&Path>) -> Result<Input<'_>, Failure> {
    match path {
        Some(path) if path.is_dir() => Ok(Input::Directory(path)),
        Some(path) if path != Path::new("-") => {
            let file = File::open(path).map_err(|error| {
                Failure::new(format!("cannot open {}", path.display())).because(&error)
            })?;
            Ok(Input::Stream(Box::new(file)))
        }
        _ if terminal::stdin_is_terminal() => {
            Err(Failure::new("refusing to read an archive from a terminal")
                .help("name a file with -i, or redirect standard input"))
        }
        _ => Ok(Input::Stream(Box::new(io::stdin()))),
    }
}

fn lines(loaded: &Loaded) -> String {
    if loaded.names.is_empty() {
        return format!("Loaded image ID: {}\n", loaded.id);
    }
    let names = loaded.names.iter();
    names.map(|name| format!("Loaded image: {}\n", images::familiar(name))).collect()
}
