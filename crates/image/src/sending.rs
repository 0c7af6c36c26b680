//! How far the layers of a push are: told now and then while they are read.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapstrake_oci::{Descriptor, Digest};

use crate::Progress;
use crate::images::{LayerState, Report};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// The layers that are on their way.
#[derive(Default)]
pub(crate) struct Sending {
    layers: Mutex<Vec<Sent>>,
    is_over: AtomicBool,
    ended: Condvar,
}

struct Sent {
    digest: Digest,
    total: u64,
    read: Arc<AtomicU64>,
}

impl Sending {
    /// Does `work` and tells `report` meanwhile how far the layers are.
    pub(crate) fn told<T>(&self, report: Report<'_>, work: impl FnOnce() -> T) -> T {
        self.is_over.store(false, Ordering::Release);
        std::thread::scope(|scope| {
            scope.spawn(|| self.tell(report));
            let _over = Over(self);
            work()
        })
    }

    fn tell(&self, report: Report<'_>) {
        let mut layers = self.lock();
        while !self.is_over.load(Ordering::Acquire) {
            let moved: Vec<Progress> = layers.iter().map(Sent::progress).collect();
            drop(layers);
            moved.into_iter().for_each(report);
            let waited = self.ended.wait_timeout(self.lock(), PAUSE);
            layers = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A layer begins; what is read of it is to be counted there.
    pub(crate) fn begin(&self, layer: &Descriptor) -> Arc<AtomicU64> {
        let read = Arc::new(AtomicU64::new(0));
        let (digest, total) = (layer.digest, layer.size);
        self.lock().push(Sent { digest, total, read: Arc::clone(&read) });
        read
    }

    /// It is over.
    pub(crate) fn end(&self, layer: &Descriptor) {
        self.lock().retain(|sent| sent.digest != layer.digest);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Sent>> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the telling, also when the work panics.
struct Over<'a>(&'a Sending);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        let layers = self.0.lock();
        self.0.is_over.store(true, Ordering::Release);
        drop(layers);
        self.0.ended.notify_all();
    }
}

impl Sent {
    fn progress(&self) -> Progress {
        let (digest, total) = (self.digest, self.total);
        let done = self.read.load(Ordering::Relaxed).min(total);
        Progress::Layer { digest, done, total, state: LayerState::Moving }
    }
}

/// Counts what is read through it, from where it begins.
pub(crate) struct Counted<R> {
    pub(crate) reader: R,
    pub(crate) read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer() -> Descriptor {
        Descriptor { size: 10, ..Descriptor::of(lapstrake_oci::MediaType::OciConfig, b"") }
    }

    #[test]
    fn what_was_read_is_told_while_it_goes_on() {
        let (sending, told) = (Sending::default(), Mutex::new(Vec::new()));
        let report = |progress| told.lock().unwrap().push(progress);
        for _ in 0..2 {
            told.lock().unwrap().clear();
            let result = sending.told(&report, || {
                let read = sending.begin(&layer());
                let mut counted = Counted { reader: &[1_u8; 7][..], read };
                io::copy(&mut counted, &mut io::sink()).unwrap();
                std::thread::sleep(2 * PAUSE);
                sending.end(&layer());
                5
            });
            assert_eq!(result, 5);
            let state = LayerState::Moving;
            let moved = Progress::Layer { digest: layer().digest, done: 7, total: 10, state };
            assert!(told.lock().unwrap().contains(&moved), "{:?}", told.lock().unwrap());
        }
    }

    #[test]
    fn a_panic_ends_it() {
        let sending = Sending::default();
        let work = || sending.told(&|_| {}, || panic!("on purpose"));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err());
    }
}
