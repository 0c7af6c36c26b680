//! A registry that was built and runs here: what is pushed to it comes back.

use crate::support::{Context, Store, free_port, wait_for};

/// Debian's docker-registry and its settings.
fn registry(port: u16) -> Context {
    let context = Context::new(
        "FROM debian:trixie-slim\n\
         COPY --chmod=755 docker-registry /usr/bin/\n\
         COPY config.yml /etc/docker/registry/\n\
         RUN docker-registry --version\n\
         USER 1000:1000\n\
         CMD [\"docker-registry\", \"serve\", \"/etc/docker/registry/config.yml\"]\n",
    )
    .file(
        "config.yml",
        &format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: /tmp/registry}}}}\n\
             http: {{addr: \"127.0.0.1:{port}\"}}\n"
        ),
    );
    std::fs::copy("/usr/bin/docker-registry", context.path().join("docker-registry"))
        .expect("copy docker-registry");
    context
}

fn digest_of(store: &Store, image: &str) -> String {
    let digest = store.ok(&["inspect", "--format", "{{.Id}}", image]);
    assert!(digest.starts_with("sha256:"), "{digest}");
    digest
}

#[test]
fn images_go_into_a_registry_that_was_built_here_and_come_back() {
    let (host, guest) = (Store::new(), Store::new());
    let port = free_port();
    host.build("registry", registry(port).path());
    let mut server = host.background(&["run", "--rm", "--network", "host", "registry"]);
    wait_for("the registry", || {
        assert!(server.is_running(), "the registry has ended");
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });

    // The registry's own image goes into it.
    let own = format!("127.0.0.1:{port}/tools/registry:1");
    host.ok(&["tag", "registry", &own]);
    host.answer(&["push", &own]).ends_with(0).says(&["sha256:"]);
    guest.ok(&["pull", "-q", &own]);
    assert_eq!(digest_of(&guest, &own), digest_of(&host, "registry"));
    assert!(guest.prints(&own, &["docker-registry", "--version"]).contains("docker-registry"));

    // An image on top of what is there sends its own layer alone, and is what others build on.
    let on_top = Context::new(&format!("FROM {own}\nCOPY note /note\n")).file("note", "on top\n");
    let name = format!("127.0.0.1:{port}/tools/noted:1");
    guest.build(&name, on_top.path());
    guest.answer(&["push", &name]).ends_with(0).says(&["1 sent, 4 mounted"]);
    host.ok(&["pull", "-q", &name]);
    assert_eq!(host.prints(&name, &["cat", "/note"]), "on top");

    server.stop();
    guest.answer(&["pull", &name]).ends_with(1).says(&[&port.to_string()]);
}
