//! Against Debian's docker-registry, an implementation that is not ours.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lapstrake_oci::{Descriptor, Digest, Index, MediaType, Platform, Reference};
use lapstrake_registry::{Client, Error, RegistryConfig};
use support::server::chain;
use support::{Image, MANIFEST_TYPE, client, settings};
use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(20);
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

struct Registry {
    process: Child,
    address: String,
    storage: TempDir,
}

impl Registry {
    /// In the clear.
    fn start() -> Self {
        Self::start_with(tempfile::tempdir().unwrap(), "")
    }

    /// With TLS, and a certificate for `localhost` that only `registry.certificate()` vouches for.
    fn start_with_tls() -> Self {
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
        Self::start_with(storage, &tls)
    }

    fn start_with(storage: TempDir, tls: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let config = storage.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\"{tls}}}\n",
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

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn certificate(&self) -> String {
        fs::read_to_string(self.storage.path().join("certificate.pem")).unwrap()
    }

    fn push_blob(&self, bytes: &[u8]) {
        let begun = ureq::post(self.url("/v2/some/app/blobs/uploads/")).send_empty().unwrap();
        let location = begun.headers().get("location").unwrap().to_str().unwrap();
        let location = format!("{location}&digest={}", Digest::of(bytes));
        let pushed =
            ureq::put(location).header("Content-Type", "application/octet-stream").send(bytes);
        assert_eq!(pushed.unwrap().status(), 201);
    }

    fn push_manifest(&self, name: &str, kind: &str, bytes: &[u8]) {
        let url = self.url(&format!("/v2/some/app/manifests/{name}"));
        assert_eq!(ureq::put(url).header("Content-Type", kind).send(bytes).unwrap().status(), 201);
    }

    fn reference(&self, suffix: &str) -> Reference {
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

#[test]
fn pulls_what_was_pushed() {
    let registry = Registry::start();
    let image = Image::new();
    registry.push_blob(&image.config);
    registry.push_blob(&image.layer);
    registry.push_manifest("1.0", MANIFEST_TYPE, &image.manifest);
    let entry = Descriptor {
        platform: Some(Platform::parse("linux/amd64").unwrap()),
        ..Descriptor::of(MediaType::OciManifest, &image.manifest)
    };
    let index = Index::new(MediaType::OciIndex, vec![entry]).to_bytes().unwrap();
    registry.push_manifest("latest", INDEX_TYPE, &index);

    let client = client();
    let reference = registry.reference("");
    let resolved = client.resolve(&reference).unwrap();
    assert_eq!((resolved.digest, &resolved.media_type), (Digest::of(&index), &MediaType::OciIndex));
    let amd64 = Platform::parse("linux/amd64").unwrap();
    let selected = client.select(&reference, resolved, &amd64).unwrap();
    assert_eq!(selected.resolved.bytes, image.manifest);
    let (config, _) = client.config(&reference, &selected.manifest).unwrap();
    assert_eq!(config, image.config);
    let mut layer = Vec::new();
    client.blob(&reference, &image.layer()).unwrap().read_to_end(&mut layer).unwrap();
    assert_eq!(layer, image.layer);

    let pinned = registry.reference(&format!("@{}", Digest::of(&image.manifest)));
    assert_eq!(client.resolve(&pinned).unwrap().bytes, image.manifest);
    let mut tags = client.tags(&reference).unwrap();
    tags.sort();
    assert_eq!(tags, ["1.0", "latest"]);

    let error = client.resolve(&registry.reference(":2.0")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{0}/some/app:2.0 was not found at http://{0}, check the name or log in",
            registry.address
        )
    );
    let unknown = Descriptor::new(MediaType::OciEmpty, Digest::of(b"unknown"), 7);
    assert!(matches!(client.blob(&reference, &unknown), Err(Error::NotFound { .. })));
}

#[test]
fn tls_with_a_certificate_of_ones_own() {
    let registry = Registry::start_with_tls();
    let name = format!("localhost:{}", registry.address.rsplit(':').next().unwrap());
    let reference = Reference::parse(&format!("{name}/app")).unwrap();
    let client = |certificates: Vec<String>| {
        let mut settings = settings();
        // The scheme is said, as plain HTTP would be spoken with this machine.
        let mirrors = vec![format!("https://{name}")];
        let config = RegistryConfig { mirrors, certificates, ..RegistryConfig::default() };
        settings.registries.insert(name.clone(), config);
        Client::new(settings).unwrap()
    };
    let error = client(vec![registry.certificate()]).resolve(&reference).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{}", chain(&error));
    let text = chain(&client(Vec::new()).resolve(&reference).unwrap_err());
    assert!(text.contains("if its certificate is your own, configure that"), "{text}");
}
