//! What a thousandth run would suffer from. Alone in its process, so that it can count.

mod ground;

use std::fs;

use ground::{Ground, run, succeed};

#[test]
fn no_descriptor_and_no_child_is_left() {
    let ground = Ground::busybox();
    let both = || {
        succeed(&ground.script("echo x; sleep 100 &"));
        run(&ground.command(&["no-such-program"])).unwrap_err();
    };
    both();
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    for _ in 0..30 {
        both();
    }
    assert_eq!(open(), before);
    // Its guard is there until it is told to go.
    lapstrake_executor::dismiss_guard();
    let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    assert_eq!(children, "");
}
