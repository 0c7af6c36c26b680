//! `lap pull`.

use lapstrake_oci::Platform;

use crate::args::Pull;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Activity;
use crate::session::Session;
use crate::{images, output, platform};

/// Fetches an image from a registry.
pub(crate) fn run(pull: &Pull, session: &Session) -> Result<Exit, Failure> {
    let platform = platform::one(pull.platform.as_deref())?.unwrap_or_else(Platform::host);
    let reference = images::parsed(&pull.image)?;
    let images = images::anywhere(session.store()?)?;
    let tag = reference.tag().filter(|_| reference.digest().is_none());
    if !pull.quiet {
        let is_default = tag.is_some_and(|tag| !pull.image.ends_with(&format!(":{tag}")));
        let default = if is_default { "Using default tag: latest\n" } else { "" };
        let what = tag.map_or_else(|| reference.familiar(), str::to_owned);
        let from = reference.repository();
        output::stdout(&format!("{default}{what}: Pulling from {from}\n"))?;
    }
    let pulled = images::with_progress(Activity::Pull, &reference, pull.quiet, |report| {
        images.pull(&reference, &platform, report)
    })?;
    if !pull.quiet {
        let status = match pulled.updated {
            true => "Downloaded newer image for",
            false => "Image is up to date for",
        };
        let (digest, name) = (pulled.digest, reference.familiar());
        output::stdout(&format!("Digest: {digest}\nStatus: {status} {name}\n"))?;
    }
    output::stdout(&format!("{reference}\n"))?;
    Ok(Exit::SUCCESS)
}
