//! Registries that do not let everybody in: logging in and out, and where credentials are kept.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Answer, Context, Store, free_port, text, tool, wait_for};

/// By crypt(3), for `sec ret:1`.
const USERS: &str = "me:$2b$04$R896GazxUq/dv14giuEnEefWt5xF/Wx8CmtNMIyGojSoeUHWqlwge\n";
pub(crate) const PASSWORD: &str = "sec ret:1\n";

/// Debian's docker-registry; it ends with the test. Its files are beside the store, also `requests`: a line
/// for each.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
}

impl Server {
    /// With these lines of configuration; `http` is what stands behind the address.
    pub(crate) fn start(store: &Store, http: &str, rest: &str) -> Self {
        let (port, settings) = (free_port(), store.beside("registry.yml"));
        let written = format!(
            "version: 0.1\nlog: {{level: error}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: \"127.0.0.1:{port}\"{http}}}\n{rest}\n",
            text(&store.beside("registry"))
        );
        fs::write(&settings, written).expect("write the registry's settings");
        let requests = fs::File::create(store.beside("requests")).expect("create the log");
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&settings)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(requests)
            .stderr(Stdio::null())
            .spawn()
            .expect("start docker-registry");
        wait_for("docker-registry", || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { process, port }
    }

    pub(crate) fn with_password(store: &Store) -> Self {
        let users = store.beside("htpasswd");
        fs::write(&users, USERS).expect("write the users");
        let auth = format!("auth: {{htpasswd: {{realm: here, path: {}}}}}", text(&users));
        Self::start(store, "", &auth)
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A user with a folder for Docker's configuration.
struct User<'a> {
    store: &'a Store,
}

impl User<'_> {
    fn config(&self) -> PathBuf {
        self.store.beside("docker/config.json")
    }

    fn read(&self) -> Value {
        let text = fs::read_to_string(self.config()).expect("read config.json");
        serde_json::from_str(&text).expect("JSON")
    }

    fn lap(&self, arguments: &[&str]) -> Command {
        let mut lap = self.store.lap(arguments);
        lap.env("DOCKER_CONFIG", self.store.beside("docker"));
        lap.env("XDG_CONFIG_HOME", self.store.beside("settings"));
        let path = std::env::var("PATH").expect("PATH");
        lap.env("PATH", format!("{}:{path}", text(&self.store.beside("bin"))));
        lap
    }

    fn answer(&self, arguments: &[&str]) -> Answer {
        Answer::of(&mut self.lap(arguments))
    }

    fn log_in(&self, address: &str, password: &str) -> Answer {
        let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
        writer.write_all(password.as_bytes()).expect("write the password");
        drop(writer);
        let mut lap = self.lap(&["login", "-u", "me", "--password-stdin", address]);
        let answer = Answer::of(lap.stdin(reader.try_clone().expect("a pipe's end")));
        // What is left of the password was not read.
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut reader, &mut rest).expect("read the rest");
        assert_eq!(rest, "");
        answer
    }
}

#[test]
fn a_private_registry_takes_and_gives_to_who_logged_in() {
    let store = Store::new();
    let (server, user) = (Server::with_password(&store), User { store: &store });
    let (address, name) = (server.address(), format!("{}/private/app:1", server.address()));
    store.build(&name, Context::new("FROM busybox\nRUN echo private > /word\n").path());
    user.answer(&["push", &name]).ends_with(1).says(&["denied", "log in"]);
    user.log_in(&address, "wrong").ends_with(1).says(&["refused the user name and password"]);
    assert!(!user.config().exists(), "nothing is kept of a failed login");

    user.log_in(&address, PASSWORD).ends_with(0).says(&["Login Succeeded", "unencrypted"]);
    assert_eq!(user.read(), json!({"auths": {&address: {"auth": "bWU6c2VjIHJldDox"}}}));
    let mode = fs::metadata(user.config()).expect("its metadata").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    user.answer(&["push", &name]).ends_with(0).says(&["2 sent"]);
    user.answer(&["rmi", &name]).ends_with(0);
    user.answer(&["pull", &name]).ends_with(0).says(&["Downloaded newer image"]);
    user.answer(&["login", &address]).ends_with(0).says(&["existing credentials"]);

    user.answer(&["logout", &address]).ends_with(0).says(&["Removing login credentials"]);
    assert_eq!(user.read(), json!({"auths": {}}));
    user.answer(&["logout", &address]).ends_with(0).says(&["Not logged in"]);
    user.answer(&["pull", &name]).ends_with(1).says(&["denied", "log in"]);
}

/// A helper that keeps what it is given in a file, as docker-credential-pass would encrypted.
const HELPER: &str = "#!/bin/sh\ncd \"${0%/*}\"\ncase $1 in\nstore) cat > kept ;;\n\
    erase) rm kept ;;\n\
    get) [ -e kept ] || { echo 'credentials not found in native keychain'; exit 1; }; cat kept ;;\n\
    *) exit 2 ;;\nesac\n";

#[test]
fn a_credential_helper_keeps_the_password() {
    let store = Store::new();
    let (server, user) = (Server::with_password(&store), User { store: &store });
    let (address, helper) = (server.address(), store.beside("bin/docker-credential-box"));
    for folder in ["bin", "docker"] {
        fs::create_dir(store.beside(folder)).expect("create a folder");
    }
    fs::write(&helper, HELPER).expect("write the helper");
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).expect("set its mode");
    let before = json!({"credsStore": "box", "HttpHeaders": {"x": "y"}});
    fs::write(user.config(), before.to_string()).expect("write config.json");

    user.log_in(&address, PASSWORD).ends_with(0).says(&["Login Succeeded"]);
    let noted = json!({"credsStore": "box", "HttpHeaders": {"x": "y"}, "auths": {&address: {}}});
    assert_eq!(user.read(), noted);
    let kept = fs::read_to_string(store.beside("bin/kept")).expect("what the helper kept");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!(kept, json!({"ServerURL": address, "Username": "me", "Secret": "sec ret:1"}));
    let nothing = format!("{address}/no/such:1");
    user.answer(&["pull", &nothing]).ends_with(1).says(&["was not found"]);
    user.answer(&["logout", &address]).ends_with(0).says(&["Removing login credentials"]);
    assert!(!store.beside("bin/kept").exists());
    user.answer(&["pull", &nothing]).ends_with(1).says(&["denied"]);

    fs::write(&helper, "#!/bin/sh\necho the box is locked\nexit 1\n").expect("write the helper");
    user.log_in(&address, PASSWORD).ends_with(1).says(&["docker-credential-box", "is locked"]);
    user.answer(&["pull", &nothing]).ends_with(1).says(&["docker-credential-box", "is locked"]);
}

/// An authority of our own, and what it vouches for, made by openssl.
struct Authority<'a> {
    store: &'a Store,
}

impl<'a> Authority<'a> {
    fn new(store: &'a Store) -> Self {
        let authority = Self { store };
        let (key, certificate) = (authority.path("ca.key"), authority.path("ca.crt"));
        let subject = ["-nodes", "-subj", "/CN=authority", "-days", "30"];
        let made = ["req", "-x509", "-newkey", "rsa:2048", "-keyout", &key, "-out", &certificate];
        tool("openssl", &[&made[..], &subject].concat());
        authority
    }

    fn path(&self, name: &str) -> String {
        text(&self.store.beside(name))
    }

    /// `NAME.key` and `NAME.cert`, for the server `localhost`, or for a client.
    fn vouch(&self, name: &str) {
        let path = |ending: &str| self.path(&format!("{name}.{ending}"));
        let (key, request, certificate, extensions) =
            (path("key"), path("csr"), path("cert"), path("ext"));
        fs::write(&extensions, "subjectAltName=DNS:localhost\n").expect("write the extensions");
        let subject = format!("/CN={name}");
        let asked = ["req", "-newkey", "rsa:2048", "-nodes", "-subj", &subject];
        tool("openssl", &[&asked[..], &["-keyout", &key, "-out", &request]].concat());
        let (authority, its_key) = (self.path("ca.crt"), self.path("ca.key"));
        let signed = ["x509", "-req", "-in", &request, "-CA", &authority, "-CAkey", &its_key];
        let rest = ["-CAcreateserial", "-extfile", &extensions, "-days", "30", "-out"];
        tool("openssl", &[&signed[..], &rest, &[certificate.as_str()]].concat());
    }
}

#[test]
fn a_registry_with_an_authority_of_its_own_wants_to_see_a_certificate() {
    let store = Store::new();
    let (authority, user) = (Authority::new(&store), User { store: &store });
    for name in ["server", "client", "other"] {
        authority.vouch(name);
    }
    let path = |name| authority.path(name);
    let tls = format!(
        ", tls: {{certificate: {}, key: {}, clientcas: [{}]}}",
        path("server.cert"),
        path("server.key"),
        path("ca.crt")
    );
    let server = Server::start(&store, &tls, "");
    let host = format!("localhost:{}", server.port);
    let name = format!("{host}/private/app:1");
    let certificates = store.beside("settings/lapstrake/certs.d").join(&host);
    fs::create_dir_all(&certificates).expect("create the folder");
    let copy = |from: &str, to: &str| {
        fs::copy(store.beside(from), certificates.join(to)).expect("copy a certificate");
    };
    store.build(&name, Context::new("FROM busybox\nRUN echo tls > /word\n").path());

    copy("ca.crt", "ca.crt");
    user.answer(&["push", &name]).ends_with(1).says(&[&host]);
    copy("client.cert", "client.cert");
    user.answer(&["push", &name]).ends_with(1).says(&["client.cert has no client.key beside it"]);
    copy("other.key", "client.key");
    let answer = user.answer(&["push", &name]).ends_with(1);
    answer.says(&["cannot use the certificates for", "do not belong together"]);
    copy("client.key", "client.key");
    user.answer(&["push", &name]).ends_with(0).says(&["2 sent"]);
    user.answer(&["rmi", &name]).ends_with(0);
    assert_eq!(Answer::of(&mut user.lap(&["run", "--rm", &name, "cat", "/word"])).stdout, "tls\n");
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let store = Store::new();
    let user = User { store: &store };
    user.answer(&["login", "127.0.0.1:9"]).ends_with(1).says(&["no terminal", "--password-stdin"]);
    user.answer(&["login", "--password-stdin"]).ends_with(1).says(&["--username"]);
    user.log_in("127.0.0.1:9", "x").ends_with(1).says(&["127.0.0.1:9"]);
    user.log_in("127.0.0.1:9", "").ends_with(1).says(&["a password has to be given"]);
}
