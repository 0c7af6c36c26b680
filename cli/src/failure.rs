//! What the user reads when a command fails, and what it exits with.
//!
//! Errors of the libraries become a line and the chain of their causes; never their `Debug` form.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

use lapstrake_causes::causes;
use lapstrake_executor::remedy_of_limit;
use lapstrake_ids::Unmapped;

use crate::exit::Exit;
use crate::text::harmless;

/// Why a command ends without success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// `None` when the user has been told already.
    message: Option<String>,
    causes: Vec<String>,
    help: Option<String>,
    /// Whether something could not be written for want of room.
    lacks_room: bool,
    /// What to do about a limit of this process that was met: that is to be seen to, whatever was being done.
    of_limit: Option<&'static str>,
    exit: Exit,
}

impl Failure {
    /// A failure with a message: lower case, no full stop.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..Self::told(Exit::FAILED) }
    }

    /// An error and its causes.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut failure = Self::new(error.to_string());
        failure.lacks_room = lacks_room(error);
        failure.of_limit = remedy_of_limit(error);
        failure.add_causes(error.source());
        failure.help = Unmapped::among(error).map(Unmapped::hint);
        failure
    }

    /// Ends without a word: the user has been told.
    pub(crate) fn told(exit: Exit) -> Self {
        let (lacks_room, of_limit) = (false, None);
        Self { message: None, causes: Vec::new(), help: None, lacks_room, of_limit, exit }
    }

    /// As [`Failure::of`], for what was written to standard output: a reader that has gone away
    /// does not want to be told.
    pub(crate) fn of_writing(error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            let io = cause.downcast_ref::<io::Error>();
            if io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe) {
                return Self::told(Exit::FAILED);
            }
            next = cause.source();
        }
        Self::of(error)
    }

    /// Adds an error and its causes as the reason.
    pub(crate) fn because(mut self, error: &(dyn Error + 'static)) -> Self {
        self.lacks_room |= lacks_room(error);
        self.of_limit = self.of_limit.or_else(|| remedy_of_limit(error));
        self.add_causes(Some(error));
        self
    }

    /// As [`Failure::because`], where the store's disk has no part in it.
    pub(crate) fn because_outside(mut self, error: &(dyn Error + 'static)) -> Self {
        self.add_causes(Some(error));
        self
    }

    /// Adds what the user can do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds what the user can do, behind what is said already.
    pub(crate) fn add_help(self, help: &str) -> Self {
        let help = match &self.help {
            Some(known) => format!("{known}\n{help}"),
            None => help.to_owned(),
        };
        self.help(help)
    }

    /// Whether something could not be written for want of room.
    pub(crate) fn lacks_room(&self) -> bool {
        self.lacks_room
    }

    /// The same as where another failure was for want of room.
    pub(crate) fn like(self, other: &Self) -> Self {
        Self { lacks_room: other.lacks_room, ..self }
    }

    /// The same with another exit code.
    pub(crate) fn exit_with(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// What to exit with.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// What the user reads: the message, a line for each cause, and the help.
    pub(crate) fn text(&self) -> String {
        let Some(message) = &self.message else { return String::new() };
        let mut text = format!("error: {}\n", indented(&harmless(message)));
        for cause in &self.causes {
            // Writing to a string does not fail.
            let _ = writeln!(text, "  caused by: {}", indented(&harmless(cause)));
        }
        if let Some(help) = self.remedy() {
            let _ = writeln!(text, "  help: {}", indented(&harmless(help)));
        }
        text
    }

    fn remedy(&self) -> Option<&str> {
        self.of_limit.or(self.help.as_deref())
    }

    /// The same in one line, for a warning.
    pub(crate) fn line(&self) -> String {
        let said = self.message.iter().chain(&self.causes).map(String::as_str);
        let line = said.collect::<Vec<_>>().join(": ");
        match self.remedy() {
            Some(help) => format!("{line} ({help})"),
            None => line,
        }
    }

    /// A cause that the line above already says is left out.
    fn add_causes(&mut self, mut next: Option<&(dyn Error + 'static)>) {
        while let Some(cause) = next {
            let text = cause.to_string();
            let above = self.causes.last().or(self.message.as_ref());
            if !above.is_some_and(|above| above.ends_with(&text)) {
                self.causes.push(text);
            }
            next = cause.source();
        }
    }
}

/// Whether an error or one of its causes is that there was no room.
fn lacks_room(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|io| io.kind() == io::ErrorKind::StorageFull)
            || cause.downcast_ref() == Some(&rustix::io::Errno::NOSPC)
            || of_store(cause).is_some_and(lapstrake_cache::Error::lacks_room)
    })
}

/// The store's error, also where another one stands for it without a word of its own.
fn of_store<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e lapstrake_cache::Error> {
    let image = match error.downcast_ref() {
        Some(lapstrake_image::Error::Store(inner)) => Some(inner),
        _ => None,
    };
    let transfer = match error.downcast_ref() {
        Some(lapstrake_transfer::Error::Store(inner)) => Some(inner),
        _ => None,
    };
    error.downcast_ref().or(image).or(transfer)
}

/// Lines after the first one stand below it.
fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n    ")
}

impl From<lapstrake_cache::Error> for Failure {
    fn from(error: lapstrake_cache::Error) -> Self {
        Self::of(&error)
    }
}

impl From<lapstrake_executor::Error> for Failure {
    fn from(error: lapstrake_executor::Error) -> Self {
        use lapstrake_executor::Error as E;
        let exit = match &error {
            E::NotFound { .. } => Exit::NOT_FOUND,
            E::NotExecutable { .. } => Exit::NOT_EXECUTABLE,
            _ => Exit::ENGINE,
        };
        let failure = Self::of(&error).exit_with(exit);
        match error.hint() {
            Some(hint) => failure.help(hint),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{message}")]
    struct Link {
        message: &'static str,
        source: Option<Box<Link>>,
    }

    fn link(message: &'static str, source: Option<Link>) -> Link {
        Link { message, source: source.map(Box::new) }
    }

    #[test]
    fn causes_are_a_chain_without_repetition() {
        let error = link(
            "cannot pull busybox",
            Some(link(
                "cannot connect: refused",
                Some(link("refused", Some(link("errno\nx", None)))),
            )),
        );
        assert_eq!(
            Failure::of(&error).help("start it").text(),
            "error: cannot pull busybox\n  caused by: cannot connect: refused\n  \
             caused by: errno\n    x\n  help: start it\n"
        );
    }

    #[test]
    fn a_failure_may_be_told_in_a_line() {
        let failure = Failure::new("no cache").because(&link("refused", None));
        assert_eq!(failure.clone().line(), "no cache: refused");
        assert_eq!(failure.help("start it").line(), "no cache: refused (start it)");
    }

    #[test]
    fn a_lack_of_room_is_found_below_other_errors() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let store =
            || lapstrake_cache::Error::Io { operation: "write", path: "/x".into(), source: full() };
        assert!(Failure::of(&full()).lacks_room());
        assert!(Failure::of(&io::Error::other(full())).lacks_room());
        assert!(Failure::new("no").because(&lapstrake_image::Error::Store(store())).lacks_room());
        assert!(Failure::of(&lapstrake_transfer::Error::Store(store())).lacks_room());
        assert!(Failure::of(&rustix::io::Errno::NOSPC).lacks_room());
        assert!(!Failure::of(&io::Error::from(io::ErrorKind::NotFound)).lacks_room());
        assert!(!Failure::new("no").lacks_room());
    }

    #[test]
    fn a_lack_of_files_is_what_to_see_to() {
        let lack = io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        let failure = Failure::new("no store").because(&lack).help("name another directory");
        assert!(
            failure.text().ends_with("`ulimit -n` of where it was started\n"),
            "{}",
            failure.text()
        );
    }

    #[test]
    fn a_user_that_is_not_mapped_is_explained_below_other_errors() {
        let unmapped = || lapstrake_ids::IdMap::parse("0 7 1", "0 7 1").check(5, 0).unwrap_err();
        let error = io::Error::other(io::Error::other(unmapped()));
        let text = Failure::of(&error).text();
        assert!(text.starts_with("error: user 5 is not mapped here"), "{text}");
        assert!(text.contains("help: ") && text.contains("/etc/subuid"), "{text}");
        assert!(!Failure::of(&io::Error::other("no")).text().contains("help"));
    }

    #[test]
    fn messages_cannot_drive_the_terminal() {
        assert_eq!(Failure::new("no \u{1b}[2Jimage").text(), "error: no image\n");
        assert_eq!(Failure::told(Exit::FAILED).text(), "");
    }
}
