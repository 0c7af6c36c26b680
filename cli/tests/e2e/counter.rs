//! `testdata/e2e/counter` and `redis`: two containers that talk to each other.

use crate::support::{Background, Store, fetch, free_port, testdata, wait_for};

#[test]
fn views_are_counted_in_a_redis_of_another_image() {
    let store = Store::new();
    store.build("redis", &testdata("redis"));
    store.build("counter", &testdata("counter"));

    let (redis_port, port) = (free_port(), free_port());
    let database = start_redis(&store, redis_port);
    let settings = [
        "REDIS_HOST=127.0.0.1".to_owned(),
        format!("REDIS_PORT={redis_port}"),
        format!("PORT={port}"),
    ];
    let [host, redis, own] = &settings;
    let mut app = store.background(&[
        "run",
        "--rm",
        "--network",
        "host",
        "-e",
        host,
        "-e",
        redis,
        "-e",
        own,
        "counter",
    ]);
    let first = wait_for("the first page", || {
        assert!(app.is_running(), "the app has ended");
        fetch(port).ok().and_then(|page| views(&page))
    });
    let second = views(&fetch(port).expect("fetch the page again")).expect("a number in the page");
    assert_eq!(second, first + 1);
    // The interpreter handles no SIGTERM, and the first process of a container gets no signal that it
    // does not handle: it is killed with its `lap`.
    drop(app);
    database.stop();
}

fn start_redis(store: &Store, port: u16) -> Background {
    store.background(&["run", "--rm", "--network", "host", "redis", "--port", &port.to_string()])
}

/// The number in the page; a page about an error, while Redis still starts, has none.
fn views(page: &str) -> Option<u32> {
    page.strip_prefix("This page has been viewed ")?.split(' ').next()?.parse().ok()
}
