//! The base images of a build: resolved while it is planned, brought when their bytes are needed.

use lapstrake_oci::Digest;
use lapstrake_parser::Diagnostic;

use crate::error::Error;
use crate::event::{Event, ImageProgress, Sink};
use crate::image::{BaseImage, BaseImages, ImageName, ImageSource};
use crate::lower::Need;

/// What is known of base images, and where they come from.
pub struct Bases<'a> {
    source: &'a dyn ImageSource,
    events: Sink<'a>,
    images: BaseImages,
    /// Who asked for them.
    needs: Vec<Need>,
    /// Whether their names have to tell them from others for another platform.
    are_several: bool,
}

impl<'a> Bases<'a> {
    /// Knows none yet.
    pub fn new(source: &'a dyn ImageSource, events: Sink<'a>) -> Self {
        let (images, needs) = Default::default();
        Self { source, events, images, needs, are_several: false }
    }

    /// Those that are known.
    pub fn images(&self) -> &BaseImages {
        &self.images
    }

    /// Resolves all images at the same time; `are_several` when the build is for several platforms.
    ///
    /// # Errors
    /// Those of all that cannot be had.
    pub fn resolve(&mut self, needs: Vec<Need>, are_several: bool) -> Result<(), Error> {
        self.are_several = are_several;
        let resolve = |need: &Need| -> Result<BaseImage, Error> {
            let name = self.shown(&need.name);
            let resolved = self.source.resolve(&need.name, &self.progress(&name));
            resolved.map_err(|source| failure(need, name, source))
        };
        let resolved: Vec<Result<BaseImage, Error>> = match &needs[..] {
            [only] => vec![resolve(only)],
            many => std::thread::scope(|scope| {
                let resolve = &resolve;
                let threads: Vec<_> =
                    many.iter().map(|need| scope.spawn(move || resolve(need))).collect();
                threads.into_iter().map(join).collect()
            }),
        };
        let mut errors = Vec::new();
        for (need, image) in needs.into_iter().zip(resolved) {
            match image {
                Ok(image) => {
                    self.images.insert(need.name.clone(), image);
                    self.needs.push(need);
                }
                Err(error) => errors.push(error),
            }
        }
        together(errors)
    }

    /// Brings the layers of the image that has this layer; whether there is one.
    ///
    /// # Errors
    /// When they cannot be had.
    pub fn bring(&self, layer: &Digest) -> Result<bool, Error> {
        let has = |need: &&Need| {
            let image = self.images.get(&need.name);
            image.is_some_and(|image| image.config.rootfs.diff_ids.contains(layer))
        };
        let Some(need) = self.needs.iter().find(has) else { return Ok(false) };
        let name = self.shown(&need.name);
        let brought = self.source.bring(&need.name, &self.progress(&name));
        brought.map_err(|source| failure(need, name, source))?;
        Ok(true)
    }

    fn shown(&self, name: &ImageName) -> String {
        match self.are_several {
            false => name.place.to_string(),
            true => format!("{} for {}", name.place, name.platform),
        }
    }

    fn progress(&self, name: &str) -> impl Fn(ImageProgress) + Sync {
        move |progress| (self.events)(Event::Image { name: name.to_owned(), progress })
    }
}

fn failure(need: &Need, name: String, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Image { name, span: need.span, near: need.near.clone(), source }
}

/// One error as it is; several as faults of the Dockerfile.
fn together(mut errors: Vec<Error>) -> Result<(), Error> {
    if errors.len() < 2 {
        return errors.pop().map_or(Ok(()), Err);
    }
    let mut faults: Vec<Diagnostic> = errors.into_iter().flat_map(Error::into_faults).collect();
    faults.sort_by_key(|fault| fault.span);
    Err(Error::Faults(faults))
}

/// A panic of a thread goes on in the thread that waits for it.
fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
