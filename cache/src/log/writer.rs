//! Keeping the log of a build that runs.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use super::{Entry, entries_path, folder, output_path};
use crate::prune::nanoseconds;
use crate::temporary::new_file;
use crate::walk::walk;
use crate::{Error, Store};

/// How many logs are kept, that of the build which begins included.
const KEPT: usize = 100;

/// Bytes on disk that they may have together before the oldest go.
const KEPT_SIZE: u64 = 1 << 30;

/// How much of an output a kill may take along, and how late others see it.
const FLUSHED_EVERY: Duration = Duration::from_secs(1);

/// Fast: a flood of lines that are all alike is to cost nearly nothing.
const LEVEL: i32 = 1;

/// The log of a build that runs. May be used by several threads.
pub struct LogWriter {
    id: String,
    folder: PathBuf,
    entries: Mutex<File>,
    shared: Arc<Shared>,
    /// Flushes what a step wrote that then says nothing; begins with the first that it is needed for.
    flusher: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread that flushes shares with those that write.
#[derive(Default)]
struct Shared {
    outputs: Mutex<Outputs>,
    changed: Condvar,
}

#[derive(Default)]
struct Outputs {
    by_step: HashMap<u32, Output>,
    is_over: bool,
}

/// What one step wrote so far.
struct Output {
    encoder: zstd::stream::write::Encoder<'static, File>,
    flushed: Option<Instant>,
    /// Whether bytes wait to be flushed.
    is_behind: bool,
}

impl Store {
    /// Begins the log of a build of `subject`. The oldest logs go where there are too many.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin_log(&self, subject: &str) -> Result<LogWriter, Error> {
        let logs = folder(self.root());
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&logs);
        made.map_err(Error::io("create", &logs))?;
        retain(&logs, KEPT.saturating_sub(1), KEPT_SIZE);
        let (id, folder) = new_folder(&logs)?;
        let path = entries_path(&folder);
        let entries = new_file(&path).map_err(Error::io("create", &path))?;
        entries.lock().map_err(Error::io("lock", &path))?;
        let entries = Mutex::new(entries);
        let log =
            LogWriter { id, folder, entries, shared: Arc::default(), flusher: Mutex::default() };
        let time = nanoseconds(SystemTime::now());
        log.note(&Entry::Begin { time, subject: subject.to_owned() })?;
        Ok(log)
    }
}

impl LogWriter {
    /// What finds it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note(&self, entry: &Entry) -> Result<(), Error> {
        let path = entries_path(&self.folder);
        let fail = Error::io("write", &path);
        let mut line = match serde_json::to_vec(entry) {
            Ok(line) => line,
            Err(error) => return Err(fail(error.into())),
        };
        line.push(b'\n');
        locked(&self.entries).write_all(&line).map_err(fail)
    }

    /// Appends to what a step wrote. Others see it a second later at the latest.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn output(&self, number: u32, bytes: &[u8]) -> Result<(), Error> {
        let path = output_path(&self.folder, number);
        let fail = |error| Error::io("write", &path)(error);
        let mut outputs = locked(&self.shared.outputs);
        let output = match outputs.by_step.entry(number) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(Output::begin(&path).map_err(fail)?)
            }
        };
        let was_behind = output.is_behind;
        output.push(bytes).map_err(fail)?;
        if output.is_behind && !was_behind {
            drop(outputs);
            self.flush_later();
        }
        Ok(())
    }

    /// Where no thread can be had, it is flushed with what comes next, or with the end.
    fn flush_later(&self) {
        let mut flusher = locked(&self.flusher);
        if flusher.is_none() {
            let shared = Arc::clone(&self.shared);
            let thread = thread::Builder::new().name("lap-log".to_owned());
            *flusher = thread.spawn(move || shared.keep_flushing()).ok();
        }
        self.shared.changed.notify_all();
    }

    /// A step writes nothing more.
    ///
    /// # Errors
    /// When the rest cannot be written.
    pub fn end_output(&self, number: u32) -> Result<(), Error> {
        let ended = locked(&self.shared.outputs).by_step.remove(&number);
        let ended = ended.map(|output| output.encoder.finish()).transpose();
        ended.map(drop).map_err(Error::io("write", output_path(&self.folder, number)))
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        let flusher = locked(&self.flusher).take();
        if let Some(flusher) = flusher {
            locked(&self.shared.outputs).is_over = true;
            self.shared.changed.notify_all();
            // It does not panic.
            drop(flusher.join());
        }
    }
}

impl Shared {
    /// Until the log is over.
    fn keep_flushing(&self) {
        let mut outputs = locked(&self.outputs);
        while !outputs.is_over {
            if outputs.by_step.values().any(|output| output.is_behind) {
                let waited = self
                    .changed
                    .wait_timeout_while(outputs, FLUSHED_EVERY, |outputs| !outputs.is_over);
                outputs = waited.unwrap_or_else(PoisonError::into_inner).0;
                for output in outputs.by_step.values_mut().filter(|output| output.is_behind) {
                    // What fails here fails with the next write, which tells it.
                    drop(output.flush());
                }
            } else {
                outputs = self.changed.wait(outputs).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl Output {
    fn begin(path: &Path) -> io::Result<Self> {
        let mut options = File::options();
        let file = options.create(true).truncate(true).write(true).mode(0o644).open(path)?;
        let encoder = zstd::stream::write::Encoder::new(file, LEVEL)?;
        Ok(Self { encoder, flushed: None, is_behind: false })
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.encoder.write_all(bytes)?;
        if self.flushed.is_none_or(|flushed| flushed.elapsed() >= FLUSHED_EVERY) {
            return self.flush();
        }
        self.is_behind = true;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.is_behind = false;
        self.encoder.flush()?;
        self.flushed = Some(Instant::now());
        Ok(())
    }
}

/// A folder under a name that no other log has.
fn new_folder(logs: &Path) -> Result<(String, PathBuf), Error> {
    loop {
        // The standard library seeds it with random bytes from the kernel.
        let random = std::hash::RandomState::new().build_hasher().finish();
        let id = format!("{:012x}", random >> 16);
        let path = logs.join(&id);
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("create", path)(error)),
            Ok(()) => return Ok((id, path)),
        }
    }
}

/// Removes all but the newest logs. What cannot be removed now is left for the next build, and those
/// of builds that run stay.
fn retain(logs: &Path, count: usize, size: u64) {
    let Ok(entries) = fs::read_dir(logs) else { return };
    let mut known: Vec<(i64, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let modified = fs::metadata(entries_path(&entry.path())).ok()?.mtime();
            Some((modified, entry.path()))
        })
        .collect();
    known.sort();
    let mut total = 0;
    for (number, (_, path)) in known.into_iter().rev().enumerate() {
        total += size_of(&path);
        let is_over = number >= count || total > size;
        if is_over && !is_running(&path) {
            drop(fs::remove_dir_all(&path));
        }
    }
}

fn size_of(log: &Path) -> u64 {
    let mut size = 0;
    // What cannot be measured counts as nothing.
    let _ = walk(log, &mut |seen| size += seen.size);
    size
}

/// Whether the build of a log still runs.
pub(super) fn is_running(log: &Path) -> bool {
    File::open(entries_path(log)).is_ok_and(|entries| entries.try_lock_shared().is_err())
}

/// Nothing panics while these are locked but in the middle of a write, of which the rest is lost.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::time::UNIX_EPOCH;

    use super::*;

    /// It may be silent for hours then.
    #[test]
    fn what_was_written_at_once_is_seen_though_nothing_follows() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let log = store.begin_log("silent").unwrap();
        for (number, word) in [(1, "one"), (2, "other"), (1, " two"), (2, " three")] {
            log.output(number, word.as_bytes()).unwrap();
        }
        let begin = Instant::now();
        for (number, expected) in [(1, "one two"), (2, "other three")] {
            loop {
                let known = store.logs().unwrap().remove(0);
                let mut seen = String::new();
                let read = known.output(number).unwrap();
                io::Read::read_to_string(&mut read.unwrap(), &mut seen).unwrap();
                if seen == expected {
                    break;
                }
                assert!(begin.elapsed() < Duration::from_secs(30), "{number}: {seen}");
                thread::sleep(Duration::from_millis(20));
            }
        }
        log.end_output(1).unwrap();
    }

    #[test]
    fn the_newest_logs_stay_and_those_of_builds_that_run() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let logs = folder(root.path());
        let running = store.begin_log("running").unwrap();
        let mut ids: Vec<String> = Vec::new();
        for age in 0..4_u64 {
            let id = store.begin_log("over").unwrap().id().to_owned();
            let time = UNIX_EPOCH + Duration::from_secs(1000 * (age + 1));
            let file = File::options().write(true).open(entries_path(&logs.join(&id))).unwrap();
            file.set_times(FileTimes::new().set_modified(time)).unwrap();
            ids.push(id);
        }
        retain(&logs, 3, KEPT_SIZE);
        let left = |id: &str| logs.join(id).exists();
        assert_eq!(ids.iter().map(|id| left(id)).collect::<Vec<_>>(), [false, false, true, true]);
        retain(&logs, 3, 0);
        assert!(left(running.id()) && !ids.iter().any(|id| left(id)));
    }
}
