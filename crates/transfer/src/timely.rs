//! Documents that come in time: a server that sends a byte now and then would keep a build for ever.

use std::io::{self, Read};
use std::time::{Duration, Instant};

/// How long the whole of a document may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// Reads to the end.
///
/// # Errors
/// Those of `reader`; `TimedOut` when it takes longer than `limit`.
pub(crate) fn read(mut reader: impl Read, limit: Duration) -> io::Result<Vec<u8>> {
    let begin = Instant::now();
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if begin.elapsed() > limit {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it comes too slowly"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte for each look.
    struct Drops;

    impl Read for Drops {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            std::thread::sleep(Duration::from_millis(5));
            buffer.iter_mut().take(1).for_each(|byte| *byte = b'x');
            Ok(1)
        }
    }

    #[test]
    fn what_comes_drop_by_drop_is_given_up() {
        let dropped = read(Drops, Duration::from_millis(50));
        assert_eq!(dropped.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(read(&b"abc"[..], Duration::from_secs(5)).unwrap(), b"abc");
    }
}
