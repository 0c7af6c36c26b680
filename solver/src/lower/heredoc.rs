//! The files that here-documents stand for.

use lapstrake_parser::{Diagnostic, Heredoc};

use super::directory;
use super::fault::{fault, with_help};

/// The name of the file that `heredoc` stands for: its delimiter, as a path directly below the root.
///
/// # Errors
/// The delimiter is a path through folders, or none at all.
pub(super) fn file_name(heredoc: &Heredoc) -> Result<String, Diagnostic> {
    let path = directory::clean("/", &heredoc.name);
    match path.strip_prefix('/') {
        Some(name) if !name.is_empty() && !name.contains('/') => Ok(name.to_owned()),
        _ => {
            let message = format!("no file can have the name {}", heredoc.name);
            let help = "the delimiter is the name of the file, so a word such as `EOF` has to do";
            Err(with_help(fault("heredoc-name", heredoc.marker, message), help))
        }
    }
}
