//! Pulling: names, mirrors, what a registry may get wrong.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::support::{Answer, Context, Store, registry_address};

#[test]
fn images_are_pulled_by_short_and_by_full_name() {
    let store = Store::new();
    store.answer(&["pull", "busybox"]).ends_with(0).says(&["sha256:"]);
    store.ok(&["pull", "docker.io/library/debian:trixie-slim"]);
    let both = store.ok(&["images"]);
    assert!(both.contains("busybox") && both.contains("trixie-slim"), "{both}");
    assert_eq!(
        store.prints(
            "debian:trixie-slim",
            &["sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME"]
        ),
        "trixie"
    );
}

/// `localhost` is in no image reference's host part by number: the system's resolver has to find it.
#[test]
fn a_registry_is_found_by_its_name() {
    let address = registry_address().replace("127.0.0.1", "localhost");
    let context = Context::new(&format!(
        "FROM {address}/library/busybox:latest\nCMD [\"echo\", \"found\"]\n"
    ));
    let store = Store::new();
    store.build("named", context.path());
    assert_eq!(store.prints("named", &[]), "found");
}

#[test]
fn what_is_not_there_is_said_with_its_name() {
    let store = Store::new();
    store.answer(&["pull", "no-such-image:1"]).ends_with(1).says(&["no-such-image"]);
    store.answer(&["pull", "busybox:no-such-tag"]).ends_with(1).says(&["no-such-tag"]);
    store.answer(&["pull", "127.0.0.1:9/a/b"]).ends_with(1).says(&["127.0.0.1:9"]);
    store
        .answer(&["pull", "no-such-host.invalid/a/b"])
        .ends_with(1)
        .says(&["no-such-host.invalid"]);
    store.answer(&["pull", "Not A Name"]).ends_with(1);
    assert_eq!(store.ok(&["images", "-q"]), "");
}

#[test]
fn the_next_mirror_is_asked_when_one_is_down() {
    let store = Store::new();
    let config = store.beside("config.toml");
    let mirrors = format!("mirrors = [\"http://127.0.0.1:9\", \"http://{}\"]", registry_address());
    std::fs::write(&config, format!("[registry.\"docker.io\"]\n{mirrors}\n"))
        .expect("write the config");
    Answer::of(store.lap(&["pull", "busybox"]).env("LAPSTRAKE_CONFIG", &config)).ends_with(0);
}

#[test]
fn a_wrong_config_is_said_with_its_line() {
    let store = Store::new();
    let config = store.beside("config.toml");
    std::fs::write(&config, "[registry.\"docker.io\"]\nmirrors = 5\n").expect("write the config");
    let answer = Answer::of(store.lap(&["pull", "busybox"]).env("LAPSTRAKE_CONFIG", &config));
    answer.ends_with(1).says(&["config.toml:2:"]);
}

/// A server that answers every request with the same bytes.
fn liar(body: &'static str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind a port");
    let address = listener.local_addr().expect("its address").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            // Whatever was asked, and whether or not the answer is read to its end.
            let _ = stream.read(&mut request);
            let kind = "application/vnd.oci.image.manifest.v1+json";
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ =
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
    address
}

/// The form is Docker Hub's.
#[test]
fn repositories_are_searched_for() {
    let body = "{\"num_results\":2,\"query\":\"box\",\"results\":[\
        {\"name\":\"busybox\",\"description\":\"Busybox base image, in much more than 45 letters \
        altogether\",\"star_count\":3000,\"is_official\":true,\"is_automated\":false},\
        {\"name\":\"me/box\",\"description\":null,\"star_count\":2,\"is_official\":false}]}";
    let store = Store::new();
    let search = |arguments: &[&str]| {
        let term = format!("{}/box", liar(body));
        store.answer(&[&["search"], arguments, &[term.as_str()]].concat())
    };
    let table = search(&[]).ends_with(0).stdout;
    assert_eq!(
        table,
        "NAME      DESCRIPTION                                     STARS     OFFICIAL\n\
         busybox   Busybox base image, in much more than 45 let…   3000      [OK]\n\
         me/box                                                    2\n"
    );
    let names = |arguments: &[&str]| {
        search(&[arguments, &["--format", "{{.Name}}"]].concat()).ends_with(0).stdout
    };
    assert_eq!(names(&["-f", "is-official=true"]), "busybox\n");
    assert_eq!(names(&["--filter", "stars=10", "--limit", "1"]), "busybox\n");
    search(&["--filter", "x=1"]).ends_with(1).says(&["the filter x=1 is not known"]);
    search(&["--limit", "1000"]).ends_with(1).says(&["1..=100"]);
    let nowhere = store.answer(&["search", "127.0.0.1:9/box"]).ends_with(1);
    nowhere.says(&["127.0.0.1:9"]);
    let nonsense = format!("{}/box", liar("<html>"));
    store.answer(&["search", &nonsense]).ends_with(1).says(&["cannot read what"]);
}

#[test]
fn nonsense_from_a_registry_is_refused() {
    let manifest = "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\
         \"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"size\":2,\
         \"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"},\"layers\":[]}";
    for body in ["", "not json", "{}", manifest] {
        let store = Store::new();
        store.answer(&["pull", &format!("{}/a/b:1", liar(body))]).ends_with(1);
        assert_eq!(store.ok(&["images", "-q"]), "");
    }
}
