//! `lap push`.

use lapstrake_image::{Form, Packing, Pushed};

use crate::args::{LayerCompression, Push};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Activity;
use crate::session::Session;
use crate::{images, output};

/// What gzip does unless it is told otherwise.
const GZIP_LEVEL: u32 = 6;
/// And zstd.
const ZSTD_LEVEL: i32 = 3;

/// Sends an image to a registry.
pub(crate) fn run(push: &Push, session: &Session) -> Result<Exit, Failure> {
    let reference = images::new_name(&push.image)?;
    let packing = packing(push.compression, push.compression_level)?;
    let form = Form { packing, repack: push.force_compression, ..Form::default() };
    let images = images::anywhere(session.store()?)?;
    if !push.quiet {
        output::stdout(&format!("The push refers to repository [{}]\n", reference.name()))?;
    }
    let pushed = images::with_progress(Activity::Push, &reference, push.quiet, |report| {
        images.push(&reference, &form, report)
    })?;
    match push.quiet {
        true => output::stdout(&format!("{reference}\n"))?,
        false => output::stdout(&summary(reference.tag().unwrap_or("latest"), &pushed))?,
    }
    Ok(Exit::SUCCESS)
}

/// As Docker ends a push.
fn summary(tag: &str, pushed: &Pushed) -> String {
    let Pushed { digest, size, layers } = pushed;
    let sent = layers.iter().filter(|(_, how)| *how == lapstrake_image::Uploaded::Sent).count();
    let mounted =
        layers.iter().filter(|(_, how)| *how == lapstrake_image::Uploaded::Mounted).count();
    let existed = layers.len().saturating_sub(sent).saturating_sub(mounted);
    format!(
        "layers: {sent} sent, {mounted} mounted, {existed} there before\n\
         {tag}: digest: {digest} size: {size}\n"
    )
}

/// How layers are packed.
pub(crate) fn packing(
    compression: LayerCompression,
    level: Option<u32>,
) -> Result<Packing, Failure> {
    let out_of_range = |range: &str| {
        Failure::new(format!("the compression level has to be from {range}"))
            .help("leave it out for the usual level")
    };
    match (compression, level) {
        (LayerCompression::Uncompressed, None) => Ok(Packing::Plain),
        (LayerCompression::Uncompressed, Some(_)) => {
            Err(Failure::new("a compression level goes with gzip or zstd"))
        }
        (LayerCompression::Gzip, level) => match level.unwrap_or(GZIP_LEVEL) {
            level @ 0..=9 => Ok(Packing::Gzip(level)),
            _ => Err(out_of_range("0 to 9")),
        },
        (LayerCompression::Zstd, level) => {
            let level = level.map_or(Ok(ZSTD_LEVEL), i32::try_from).unwrap_or(i32::MAX);
            match level {
                1..=22 => Ok(Packing::Zstd(level)),
                _ => Err(out_of_range("1 to 22")),
            }
        }
    }
}
