//! `testdata/e2e/nginx`: packages from the network, then a server that answers.

use crate::support::{Store, fetch, free_port, testdata, wait_for};

#[test]
fn a_web_server_is_built_and_serves_its_page() {
    let store = Store::new();
    let port = free_port();
    let flags = ["--build-arg", &format!("PORT={port}")];
    store.build_with("web", &testdata("nginx"), &flags);

    let mut server = store.background(&["run", "--rm", "--network", "host", "web"]);
    let page = wait_for("the page", || {
        assert!(server.is_running(), "the server has ended");
        fetch(port).ok()
    });
    let expected = std::fs::read_to_string(testdata("nginx/index.html")).expect("read the page");
    assert_eq!(page, expected);
    server.stop();

    let config = store.ok(&["inspect", "web"]);
    for part in [format!("{port}/tcp"), "daemon off;".to_owned(), "SIGQUIT".to_owned()] {
        assert!(config.contains(&part), "no {part} in {config}");
    }

    // The log says when each package was installed: a step that ran again would have another one.
    store.build_with("again", &testdata("nginx"), &flags);
    let log = ["cat", "/var/log/dpkg.log"];
    assert_eq!(store.prints("again", &log), store.prints("web", &log));
}
