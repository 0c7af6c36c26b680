//! Debian's docker-registry on a free port of the loopback interface, with the base images in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::bases::Bases;
use crate::failure::{Outcome, Subject};
use crate::object_store::ObjectStore;
use crate::process;
use crate::project::Project;
use crate::scratch::Scratch;
use crate::server::{Ready, Server, free_port};
use crate::venv;

const START_LIMIT: Duration = Duration::from_secs(20);

/// A running registry; it ends, and its storage goes, when this is dropped.
pub(crate) struct Registry {
    server: Server,
    tool: PathBuf,
    scratch: Scratch,
}

impl Registry {
    /// Starts it and pushes the bases as `library/NAME:TAG`.
    pub(crate) fn start(project: &Project, bases: &Bases) -> Outcome<Self> {
        let scratch = Scratch::new(project, "registry")?;
        let port = free_port()?;
        let settings = scratch.join("registry.yml");
        fs::write(&settings, server_settings(port, scratch.path())).on("write", &settings)?;
        let log = scratch.join("log");
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&settings).env("OTEL_TRACES_EXPORTER", "none");
        command.stdout(Stdio::null()).stderr(fs::File::create(&log).on("create", &log)?);
        let ready = Ready { path: "/v2/", limit: START_LIMIT, log: &log };
        let server = Server::start(command, port, &ready)?;
        let registry = Self { server, tool: project.testdata("bases/oci.py"), scratch };
        registry.write_client_settings()?;
        for (image, layout) in bases.images() {
            registry.push(image, &layout)?;
        }
        Ok(registry)
    }

    /// Pushes an OCI layout as `library/IMAGE`.
    pub(crate) fn push(&self, image: &str, layout: &Path) -> Outcome<()> {
        let reference = format!("{}/library/{image}", self.address());
        process::quiet(
            Command::new("python3").arg(&self.tool).arg("push").arg(layout).arg(reference),
        )
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> String {
        self.server.address()
    }

    /// A file for `LAPSTRAKE_CONFIG` that makes this registry stand for docker.io.
    pub(crate) fn lapstrake_config(&self) -> PathBuf {
        self.scratch.join("lapstrake.toml")
    }

    /// The same for containers/image, which buildah and skopeo read.
    pub(crate) fn containers_config(&self) -> PathBuf {
        self.scratch.join("registries.conf")
    }

    fn write_client_settings(&self) -> Outcome<()> {
        let address = self.address();
        let ours = format!("[registry.\"docker.io\"]\nmirrors = [\"http://{address}\"]\n");
        let theirs = format!(
            "unqualified-search-registries = [\"docker.io\"]\n\
             [[registry]]\nprefix = \"docker.io\"\nlocation = \"{address}\"\ninsecure = true\n"
        );
        for (path, text) in [(self.lapstrake_config(), ours), (self.containers_config(), theirs)] {
            fs::write(&path, text).on("write", &path)?;
        }
        Ok(())
    }
}

/// `cargo xtask registry`: serves the bases until the developer has had enough.
pub(crate) fn serve(project: &Project) -> Outcome<()> {
    let bases = Bases::ensure(project)?;
    let registry = Registry::start(project, &bases)?;
    println!("serving on http://{}; for builds by hand:", registry.address());
    println!("  export LAPSTRAKE_CONFIG={}", registry.lapstrake_config().display());
    println!("  export LAPSTRAKE_TEST_BASES={}", bases.folder().display());
    println!("  export LAPSTRAKE_TEST_REGISTRY={}", registry.address());
    let lsp_client = venv::lsp_client(project)?;
    println!("  export LAPSTRAKE_TEST_LSP_CLIENT={}", lsp_client.display());
    println!("  export LAPSTRAKE_TEST_SARIF_PYTHON={}", venv::sarif(project)?.display());
    let objects = ObjectStore::start(project)?;
    for (name, value) in objects.variables() {
        println!("  export {name}={value}");
    }
    println!("Enter ends it.");
    let mut line = String::new();
    // End of input ends it as well.
    let _ = std::io::stdin().read_line(&mut line);
    Ok(())
}

fn server_settings(port: u16, storage: &Path) -> String {
    format!(
        "version: 0.1\n\
         log: {{level: error, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
         http: {{addr: \"127.0.0.1:{port}\"}}\n",
        storage.join("storage").display()
    )
}
