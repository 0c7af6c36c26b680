//! What lies behind an error of whatever kind.

use std::error::Error;
use std::io;

/// An error and its causes, the nearest one first; also what an I/O error was made of, which is not its source.
pub fn causes<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| {
        match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => cause.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn what_an_io_error_was_made_of_is_a_cause() {
        let error = Outer(io::Error::other(Outer(io::Error::from_raw_os_error(2))));
        let found: Vec<_> = causes(&error).map(ToString::to_string).collect();
        let last = io::Error::from_raw_os_error(2).to_string();
        assert_eq!(found, ["outer", "outer", "outer", last.as_str()]);
    }
}
