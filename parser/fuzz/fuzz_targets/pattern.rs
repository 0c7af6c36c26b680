//! Patterns over paths: the first line is the path, the rest an ignore file.
#![no_main]

use lapstrake_parser::glob;
use lapstrake_parser::ignore_file::IgnoreFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (path, patterns) = bytes.split_at(end);
    glob::matches(patterns, path).ok();
    let Ok(file) = IgnoreFile::parse(patterns) else { return };
    if file.can_prune(path) {
        let below = [path, b"/a"].concat();
        assert!(file.matches(&below), "what is pruned is not all excluded");
    }
});
