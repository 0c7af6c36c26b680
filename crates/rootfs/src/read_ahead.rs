//! Reading in a thread of its own, so that decompressing and writing overlap.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

/// Bytes handed over at once.
const CHUNK: usize = 256 * 1024;

/// Chunks that wait at most.
const WAITING: usize = 8;

/// Gives what another reader gives, read ahead by up to 2 MiB in another thread.
///
/// The thread ends with the stream, with the first error, or with its next chunk after this value
/// is dropped. Its scope waits for it: drop this value inside.
#[derive(Debug)]
pub struct ReadAhead {
    chunks: Receiver<io::Result<Vec<u8>>>,
    current: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl ReadAhead {
    /// Starts reading `input` in a thread of `scope`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new<'scope>(
        scope: &'scope Scope<'scope, '_>,
        input: impl Read + Send + 'scope,
    ) -> io::Result<Self> {
        let (sender, chunks) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("read-ahead".to_owned());
        thread.spawn_scoped(scope, move || send_all(input, &sender))?;
        Ok(Self { chunks, current: Vec::new(), taken: 0, ended: false })
    }
}

/// Sends everything in chunks, the last one being empty, or an error.
fn send_all(mut input: impl Read, sender: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = input.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
        let done = !matches!(read, Ok(1..));
        // What came before an error is still good.
        let held = read.is_err() && !chunk.is_empty() && sender.send(Ok(chunk.clone())).is_err();
        if held || sender.send(read.map(|_| chunk)).is_err() || done {
            return;
        }
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.current.len() && !self.ended {
            // Without the empty chunk the thread died: its stream must not look complete.
            let died = || Err(io::Error::other("the reading thread died"));
            let next = self.chunks.recv().unwrap_or_else(|_| died());
            self.ended = !next.as_ref().is_ok_and(|chunk| !chunk.is_empty());
            (self.current, self.taken) = (next?, 0);
        }
        let rest = self.current.get(self.taken..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        let (Some(from), Some(to)) = (rest.get(..length), buffer.get_mut(..length)) else {
            return Ok(0);
        };
        to.copy_from_slice(from);
        self.taken += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing {
        bytes: usize,
        how: fn() -> io::Result<usize>,
    }

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.bytes.min(buffer.len()) {
                0 => (self.how)(),
                length => {
                    self.bytes -= length;
                    Ok(length)
                }
            }
        }
    }

    fn read_all(input: impl Read + Send, all: &mut Vec<u8>) -> io::Result<usize> {
        std::thread::scope(|scope| ReadAhead::new(scope, input)?.read_to_end(all))
    }

    #[test]
    fn gives_all_bytes_then_the_error() {
        for bytes in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 40 * CHUNK + 7] {
            let input = Failing { bytes, how: || Ok(0) };
            assert_eq!(read_all(input, &mut Vec::new()).unwrap(), bytes);
            let input = Failing { bytes, how: || Err(io::ErrorKind::TimedOut.into()) };
            let mut all = Vec::new();
            let error = read_all(input, &mut all).unwrap_err();
            assert_eq!((error.kind(), all.len()), (io::ErrorKind::TimedOut, bytes));
        }
    }

    #[test]
    fn a_dead_thread_is_no_end() {
        let seen = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let input = Failing { bytes: 10, how: || panic!("on purpose") };
                read_all(input, &mut Vec::new()).is_err()
            });
            thread.join()
        });
        // The scope passes the panic on; whoever reads must not have taken it for an end before.
        assert!(seen.is_err());
        std::thread::scope(|scope| {
            let (sender, chunks) = sync_channel(WAITING);
            scope.spawn(move || drop::<SyncSender<io::Result<Vec<u8>>>>(sender));
            let mut ahead = ReadAhead { chunks, current: Vec::new(), taken: 0, ended: false };
            assert!(ahead.read(&mut [0]).is_err());
        });
    }

    #[test]
    fn dropping_it_ends_the_thread() {
        let first = std::thread::scope(|scope| {
            let mut ahead = ReadAhead::new(scope, std::io::repeat(7)).unwrap();
            let mut first = [0; 10];
            ahead.read_exact(&mut first).unwrap();
            first
        });
        assert_eq!(first, [7; 10]);
    }
}
