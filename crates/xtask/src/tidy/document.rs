//! What the documents have to say.

use super::tree::Tree;

const COMMANDS: [&str; 2] = ["cargo xtask demo", "cargo xtask test"];
const REQUIRED: [&str; 5] =
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/dependencies.md"];

pub(crate) fn faults(tree: &Tree) -> Vec<String> {
    let missing = REQUIRED
        .iter()
        .filter(|path| tree.file(path).is_none())
        .map(|path| format!("{path}: is missing"));
    let readme = tree.file("README.md").unwrap_or_default();
    let unnamed = COMMANDS.iter().filter(|command| !readme.contains(*command));
    let unnamed = unnamed.map(|command| format!("README.md: does not name `{command}`"));
    missing.chain(unnamed).chain(crate_docs(tree)).collect()
}

/// Each library says at its top what it is for.
fn crate_docs(tree: &Tree) -> impl Iterator<Item = String> + '_ {
    let silent = tree.files("src/lib.rs").filter(|(_, text)| !text.starts_with("//! "));
    silent.map(|(path, _)| format!("{path}: starts without a description of the crate"))
}
