//! Reading logs back.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use super::writer::is_running;
use super::{Beginning, Entry, entries_path, folder, output_path};
use crate::{Error, Store};

/// The log of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// What finds it.
    pub id: String,
    /// When it began: nanoseconds since 1970.
    pub time: i64,
    /// What was built.
    pub subject: String,
    /// How it stands with the build.
    pub state: LogState,
    /// Its steps in order.
    pub steps: Vec<LoggedStep>,
    /// What its command that failed began with.
    pub failed: Option<Beginning>,
    folder: PathBuf,
}

/// How it stands with a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogState {
    /// It has not ended.
    Running,
    /// It was killed.
    Killed,
    /// It ended; how, in a word.
    Over(String),
}

/// A step of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedStep {
    /// From 1, in the order of the Dockerfile.
    pub place: u32,
    /// From 1; none before it begins.
    pub number: Option<u32>,
    /// How it is shown.
    pub name: String,
    /// How it ended in a word, and after how many milliseconds.
    pub end: Option<(String, u64)>,
}

impl Store {
    /// All logs, the newest first. One that is just removed, or that cannot be understood, is left out.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn logs(&self) -> Result<Vec<Log>, Error> {
        let logs = folder(self.root());
        let entries = match fs::read_dir(&logs) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io("list", &logs))?,
        };
        let mut logs: Vec<Log> =
            entries.flatten().filter_map(|entry| read(&entry.path())).collect();
        logs.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.id.cmp(&b.id)));
        Ok(logs)
    }
}

impl Log {
    /// What a step wrote, as far as it is written down; `None` when it wrote nothing.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn output(&self, number: u32) -> Result<Option<impl Read + use<>>, Error> {
        let path = output_path(&self.folder, number);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(Error::io("open", &path))?,
        };
        let decoder = zstd::stream::read::Decoder::new(file).map_err(Error::io("read", &path))?;
        Ok(Some(Whole(decoder)))
    }
}

/// A stream that may lack its end, where its writer runs or was killed.
struct Whole<R>(R);

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            read => read,
        }
    }
}

/// The log in a folder; a line that is cut off is left out.
fn read(folder: &Path) -> Option<Log> {
    let id = folder.file_name()?.to_str()?.to_owned();
    // Before the lines, so that a build that ends meanwhile has not been killed.
    let is_running = is_running(folder);
    let lines = BufReader::new(File::open(entries_path(folder)).ok()?).lines();
    let mut entries =
        lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok());
    let Some(Entry::Begin { time, subject }) = entries.next() else { return None };
    let state = if is_running { LogState::Running } else { LogState::Killed };
    let folder = folder.to_owned();
    let mut log = Log { id, time, subject, state, steps: Vec::new(), failed: None, folder };
    entries.for_each(|entry| log.add(entry));
    Some(log)
}

impl Log {
    fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Begin { .. } => {}
            Entry::Step { place, name } => {
                self.steps.push(LoggedStep { place, number: None, name, end: None });
            }
            Entry::Begun { place, number } => {
                if let Some(step) = self.steps.iter_mut().find(|step| step.place == place) {
                    step.number = Some(number);
                }
            }
            Entry::End { number, outcome, milliseconds } => {
                let mut steps = self.steps.iter_mut();
                if let Some(step) = steps.find(|step| step.number == Some(number)) {
                    step.end = Some((outcome, milliseconds));
                }
            }
            Entry::Failed(beginning) => self.failed = Some(*beginning),
            Entry::Over { outcome } => self.state = LogState::Over(outcome),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(log: &Log, number: u32) -> String {
        let mut text = String::new();
        let read = log.output(number).unwrap().map(|mut from| from.read_to_string(&mut text));
        read.transpose().unwrap();
        text
    }

    #[test]
    fn what_was_written_is_read_back() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        assert_eq!(store.logs().unwrap(), []);
        let writer = store.begin_log("a build").unwrap();
        let name = "[1/1] RUN x".to_owned();
        writer.note(&Entry::Step { place: 1, name: name.clone() }).unwrap();
        writer.note(&Entry::Step { place: 2, name: name.clone() }).unwrap();
        writer.note(&Entry::Begun { place: 1, number: 3 }).unwrap();
        writer.output(3, b"one\n").unwrap();
        writer.output(3, b"two\n").unwrap();
        assert_eq!(store.logs().unwrap()[0].state, LogState::Running);
        writer.end_output(3).unwrap();
        let end = Entry::End { number: 3, outcome: "done".into(), milliseconds: 5 };
        writer.note(&end).unwrap();
        writer.note(&Entry::Over { outcome: "built".into() }).unwrap();
        drop(writer);
        let log = store.logs().unwrap().pop().unwrap();
        assert_eq!(
            (log.subject.as_str(), &log.state),
            ("a build", &LogState::Over("built".into()))
        );
        let end = Some(("done".to_owned(), 5));
        let ended = LoggedStep { place: 1, number: Some(3), name: name.clone(), end };
        assert_eq!(log.steps, [ended, LoggedStep { place: 2, number: None, name, end: None }]);
        assert_eq!((output(&log, 3).as_str(), output(&log, 1).as_str()), ("one\ntwo\n", ""));
    }

    #[test]
    fn a_killed_build_leaves_what_it_wrote_before_its_last_second() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let writer = store.begin_log("a build").unwrap();
        writer.output(1, b"one\n").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1100));
        writer.output(1, b"two\n").unwrap();
        writer.output(1, b"three\n").unwrap();
        let entries = entries_path(&folder(root.path()).join(writer.id()));
        let folder = folder(root.path()).join(writer.id());
        // As the kernel leaves it: nothing is finished, half a line is written.
        let kept = fs::read(output_path(&folder, 1)).unwrap();
        drop(writer);
        fs::write(output_path(&folder, 1), kept).unwrap();
        let mut text = fs::read_to_string(&entries).unwrap();
        text.push_str("{\"step\":{\"num");
        fs::write(&entries, text).unwrap();
        let log = store.logs().unwrap().pop().unwrap();
        assert_eq!(log.state, LogState::Killed);
        assert_eq!(output(&log, 1), "one\ntwo\n");
    }
}
