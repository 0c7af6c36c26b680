//! Every file of the corpus: its places, and that it prints to the same tree.
//!
//! The corpus is not part of the repository. It is looked for in `$LAPSTRAKE_SHARED`, else in
//! `shared` beside the workspace; without it the test says so and passes. What BuildKit makes of
//! the files is compared through `lap ast`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod invariant;

use lapstrake_parser::parse_bytes;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn real_files_print_to_the_same_tree() {
    let folder = corpus().join("files");
    let Ok(files) = fs::read_dir(&folder) else {
        println!("no corpus at {}: nothing printed", folder.display());
        return;
    };
    let mut count = 0;
    for file in files {
        let source = fs::read(file.unwrap().path()).unwrap();
        invariant::check_bytes(&source);
        invariant::check_printed(&parse_bytes(&source));
        count += 1;
    }
    println!("{count} files printed");
}

fn corpus() -> PathBuf {
    let shared = std::env::var_os("LAPSTRAKE_SHARED").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    shared.unwrap_or_else(beside).join("corpus")
}
