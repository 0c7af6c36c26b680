//! Base images made from Debian's packages alone, kept in `target/bases` between runs.
//!
//! ```text
//! target/bases/busybox.tar   debian.tar     root file systems
//! target/bases/oci/NAME                     OCI image layouts: busybox, debian, python
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian;
use crate::failure::{Outcome, Subject};
use crate::process;
use crate::project::Project;
use crate::registry::Registry;
use crate::scratch::Scratch;

const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
const PYTHON: &str = "python:3-slim-trixie";

pub(crate) struct Bases {
    folder: PathBuf,
}

impl Bases {
    /// The bases that need no builder: busybox and debian.
    pub(crate) fn ensure(project: &Project) -> Outcome<Self> {
        debian::ensure(debian::BASES)?;
        debian::require_root("making a root file system")?;
        let folder = project.target().join("bases");
        process::quiet(
            Command::new(project.testdata("bases/make-bases.sh")).arg(&folder).arg("all"),
        )?;
        Ok(Self { folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Name in the registry, and layout, of each base that is there.
    pub(crate) fn images(&self) -> Vec<(&'static str, PathBuf)> {
        let names =
            [("busybox:latest", "busybox"), ("debian:trixie-slim", "debian"), (PYTHON, "python")];
        let all = names.into_iter().map(|(image, layout)| (image, self.layout(layout)));
        all.filter(|(_, layout)| layout.join("index.json").is_file()).collect()
    }

    /// The Python base, built by Lapstrake from the debian one and pushed beside it.
    pub(crate) fn ensure_python(
        &self,
        project: &Project,
        lap: &Path,
        registry: &Registry,
    ) -> Outcome<()> {
        let recipe = project.testdata("bases/python/Dockerfile");
        let recipe = fs::read_to_string(&recipe).on("read", &recipe)?;
        let stamp = self.folder.join("python.Dockerfile");
        if fs::read_to_string(&stamp).is_ok_and(|made| made == recipe) {
            return Ok(());
        }
        println!("building the Python base image");
        let context = Scratch::new(project, "python")?;
        trust(&context, &recipe)?;
        self.build_python(lap, registry, &context)?;
        registry.push(PYTHON, &self.layout("python"))?;
        fs::write(&stamp, recipe).on("write", &stamp)
    }

    fn build_python(&self, lap: &Path, registry: &Registry, context: &Scratch) -> Outcome<()> {
        let (store, archive, layout) =
            (context.join("store"), context.join("python.tar"), self.layout("python"));
        let mut build = Command::new(lap);
        build.args(["build", "--progress", "plain", "-t", PYTHON]).arg(context.join("context"));
        let mut save = Command::new(lap);
        save.args(["save", "--format", "oci", "-o"]).arg(&archive).arg(PYTHON);
        for command in [&mut build, &mut save] {
            process::quiet(
                command
                    .env("LAPSTRAKE_ROOT", &store)
                    .env("LAPSTRAKE_CONFIG", registry.lapstrake_config()),
            )?;
        }
        let _ = fs::remove_dir_all(&layout);
        fs::create_dir_all(&layout).on("create", &layout)?;
        process::quiet(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&layout))
    }

    fn layout(&self, name: &str) -> PathBuf {
        self.folder.join("oci").join(name)
    }
}

/// Fills the Python base's context: the recipe, and whom this machine trusts for TLS and packages.
fn trust(scratch: &Scratch, recipe: &str) -> Outcome<()> {
    let context = scratch.join("context");
    fs::create_dir_all(&context).on("create", &context)?;
    let authorities = context.join("ca-certificates.crt");
    fs::copy(AUTHORITIES, &authorities).on("copy the certificates to", &authorities)?;
    let files = [("Dockerfile", recipe.to_owned()), ("pip.conf", package_index())];
    for (name, text) in files {
        let path = context.join(name);
        fs::write(&path, text).on("write", &path)?;
    }
    Ok(())
}

fn package_index() -> String {
    let mut text = format!("[global]\ncert = {AUTHORITIES}\n");
    let settings = [("PIP_INDEX_URL", "index-url"), ("PIP_EXTRA_INDEX_URL", "extra-index-url")];
    for (variable, key) in settings {
        if let Ok(value) = std::env::var(variable) {
            text += &format!("{key} = {value}\n");
        }
    }
    text
}
