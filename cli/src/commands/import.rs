//! `lap import`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use lapstrake_image::ImportOptions;
use lapstrake_oci::{Config, ImageConfig, Platform};
use lapstrake_parser::{Diagnostic, Severity, parse_trigger};
use lapstrake_solver::lower::{CHANGES, Changed};
use lapstrake_source::{Fetcher, HttpSource, HttpUrl, Secrets};

use crate::args::Import;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{self, Session};
use crate::{images, output, platform, terminal};

/// What a fetched archive is called in its layer.
const ARCHIVE: &str = "archive";

/// Makes an image from the tar of a root file system, and prints its id.
pub(crate) fn run(import: &Import, session: &Session) -> Result<Exit, Failure> {
    let name = import.name.as_deref().map(images::new_name).transpose()?;
    let mut options = ImportOptions::default();
    if let Some(platform) = platform::of_flag(import.platform.as_deref())? {
        options.platform = platform;
    }
    options.config = changed(&options.platform, &import.change)?;
    let reader = reader(&import.file, session)?;
    options.message = import.message.clone().unwrap_or_else(|| match import.file.to_str() {
        // As Docker says it.
        Some(url) if is_url(url) => format!("Imported from {}", lapstrake_source::redacted(url)),
        _ => options.message.clone(),
    });
    let images = images::local(session.store()?);
    let imported = images.import(reader, name.as_ref(), &options)?;
    output::stdout(&format!("{}\n", imported.id))?;
    Ok(Exit::SUCCESS)
}

/// What the instructions say of an image that says nothing yet.
fn changed(platform: &Platform, changes: &[String]) -> Result<Config, Failure> {
    let mut image = Changed::new(ImageConfig::new(platform));
    for text in changes {
        let failed = |reason: &str| Failure::new(format!("--change `{text}`: {reason}"));
        let wrong = |faults: &[Diagnostic]| {
            let error = faults.iter().find(|fault| fault.severity == Severity::Error)?;
            let failure = failed(&error.message);
            Some(match &error.help {
                Some(help) => failure.help(help),
                None => failure,
            })
        };
        let (instruction, faults) = parse_trigger(text);
        if let Some(failure) = wrong(&faults) {
            return Err(failure);
        }
        let instruction = instruction.ok_or_else(|| failed("it is no instruction"))?;
        let is_known = image
            .by(&instruction)
            .map_err(|faults| wrong(&faults).unwrap_or_else(|| failed("it is faulty")))?;
        if !is_known {
            return Err(failed("it changes more than how the image is run")
                .help(format!("these may be given: {CHANGES}")));
        }
    }
    Ok(image.finish().config)
}

fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

fn reader(path: &Path, session: &Session) -> Result<Box<dyn Read + Send>, Failure> {
    if path == Path::new("-") {
        if terminal::stdin_is_terminal() {
            return Err(Failure::new("refusing to read an archive from a terminal")
                .help("name a file, or redirect standard input"));
        }
        return Ok(Box::new(io::stdin()));
    }
    if let Some(url) = path.to_str().filter(|text| is_url(text)) {
        return Ok(Box::new(fetched(url, session)?));
    }
    let file = File::open(path)
        .map_err(|error| Failure::new(format!("cannot open {}", path.display())).because(&error))?;
    Ok(Box::new(file))
}

/// What is behind a URL. It stays in the store for who asks again, as that of an ADD.
fn fetched(url: &str, session: &Session) -> Result<File, Failure> {
    let shown = lapstrake_source::redacted(url);
    let parsed = HttpUrl::parse(url)
        .map_err(|fault| Failure::new(format!("cannot import {shown}")).because(&fault))?;
    let (store, secrets) = (session.store()?, Secrets::default());
    let failed = |error: lapstrake_source::Error| Failure::of(&error);
    let fetcher = Fetcher::new(store, session::sources()?, secrets, &|| false).map_err(failed)?;
    let source = HttpSource { url: parsed, name: ARCHIVE.to_owned(), checksum: None };
    let found = fetcher.http(&source).map_err(failed)?;
    let layer = store.layer(&found.layer).map_err(|error| Failure::of(&error))?;
    let lost = || Failure::new(format!("what was fetched from {shown} is not in the store"));
    File::open(layer.ok_or_else(lost)?.path.join(ARCHIVE))
        .map_err(|error| Failure::new(format!("cannot read what {shown} has")).because(&error))
}
