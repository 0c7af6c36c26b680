//! Debian's docker-registry, an implementation that is not ours.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lapstrake_oci::{Digest, Reference};
use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(20);

/// Debian's docker-registry, ended with the test.
pub(crate) struct Registry {
    process: Child,
    pub(crate) address: String,
    pub(crate) storage: TempDir,
}

impl Registry {
    /// In the clear.
    pub(crate) fn start() -> Self {
        Self::start_with(tempfile::tempdir().unwrap(), "", "")
    }

    /// Only for the user `me` with the password `sec ret:1`.
    pub(crate) fn start_with_password() -> Self {
        let storage = tempfile::tempdir().unwrap();
        let users = storage.path().join("htpasswd");
        // bcrypt, by crypt(3).
        fs::write(&users, "me:$2b$04$R896GazxUq/dv14giuEnEefWt5xF/Wx8CmtNMIyGojSoeUHWqlwge\n")
            .unwrap();
        let auth = format!("auth: {{htpasswd: {{realm: here, path: {}}}}}\n", users.display());
        Self::start_with(storage, "", &auth)
    }

    /// Only for whoever shows a token that `realm` signed with the key of `certificate`.
    pub(crate) fn start_with_tokens(realm: &str, certificate: &Path) -> Self {
        let auth = format!(
            "auth: {{token: {{realm: \"{realm}\", service: registry, issuer: tokens, \
             rootcertbundle: {}}}}}\n",
            certificate.display()
        );
        Self::start_with(tempfile::tempdir().unwrap(), "", &auth)
    }

    /// With TLS, and a certificate for `localhost` that only `registry.certificate()` vouches for.
    pub(crate) fn start_with_tls() -> Self {
        let storage = tempfile::tempdir().unwrap();
        let path = |name: &str| storage.path().join(name).display().to_string();
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-days", "30", "-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout", &path("key.pem"), "-out", &path("certificate.pem")])
            .stderr(Stdio::null())
            .status()
            .expect("openssl is missing: apt-get install -y openssl");
        assert!(made.success());
        let tls = format!(
            ", tls: {{certificate: {}, key: {}}}",
            path("certificate.pem"),
            path("key.pem")
        );
        Self::start_with(storage, &tls, "")
    }

    pub(crate) fn start_with(storage: TempDir, tls: &str, auth: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let config = storage.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\"{tls}}}\n{auth}",
            storage.path().join("data").display()
        );
        fs::write(&config, text).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is missing: apt-get install -y docker-registry");
        let registry = Self { process, address, storage };
        registry.wait();
        registry
    }

    fn wait(&self) {
        let start = Instant::now();
        while TcpStream::connect(&self.address).is_err() {
            assert!(start.elapsed() < START_LIMIT, "docker-registry did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn certificate(&self) -> String {
        fs::read_to_string(self.storage.path().join("certificate.pem")).unwrap()
    }

    pub(crate) fn push_blob(&self, bytes: &[u8]) {
        let begun = ureq::post(self.url("/v2/some/app/blobs/uploads/")).send_empty().unwrap();
        let location = begun.headers().get("location").unwrap().to_str().unwrap();
        let location = format!("{location}&digest={}", Digest::of(bytes));
        let pushed =
            ureq::put(location).header("Content-Type", "application/octet-stream").send(bytes);
        assert_eq!(pushed.unwrap().status(), 201);
    }

    pub(crate) fn push_manifest(&self, name: &str, kind: &str, bytes: &[u8]) {
        let url = self.url(&format!("/v2/some/app/manifests/{name}"));
        assert_eq!(ureq::put(url).header("Content-Type", kind).send(bytes).unwrap().status(), 201);
    }

    pub(crate) fn reference(&self, suffix: &str) -> Reference {
        Reference::parse(&format!("{}/some/app{suffix}", self.address)).unwrap()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
