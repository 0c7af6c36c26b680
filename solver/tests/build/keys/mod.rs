//! The table of keys in ARCHITECTURE.md, part by part: what is in the key of a step makes it run again,
//! and the reason that is told names it; what is not leaves it cached. Either way the step is cached
//! again once the change is undone.

mod command;
mod copy;
mod fetch;

use lapstrake_rootfs::restamp::Restamp;
use lapstrake_rootfs::{ContentHash, LayerId};
use lapstrake_solver::event::Outcome::{Cached, Executed};
use lapstrake_solver::key;

use crate::support::Bench;

/// One part of a key, or something that is in none.
struct Part {
    what: &'static str,
    /// Prepares the first build, and gives its Dockerfile.
    one: fn(&mut Bench) -> String,
    /// Changes something, and gives the Dockerfile of the second.
    other: fn(&mut Bench) -> String,
    /// Why the step runs again; `None` where it does not.
    why: Option<&'static str>,
}

/// Builds once, with the change, and again without; `step` is the word that only the watched step has.
fn check(step: &str, parts: &[Part]) {
    for Part { what, one, other, why } in parts {
        let mut bench = Bench::new();
        let dockerfile = one(&mut bench);
        assert_eq!(bench.build(&dockerfile).outcome(step), Executed, "{what}: at first");
        assert_eq!(bench.build(&dockerfile).outcome(step), Cached, "{what}: nothing changed");
        let dockerfile = other(&mut bench);
        let changed = bench.build(&dockerfile);
        let expected = if why.is_some() { Executed } else { Cached };
        assert_eq!(changed.outcome(step), expected, "{what}: changed");
        assert_eq!(bench.anonymous(changed.why(step)), why.unwrap_or_default(), "{what}");
        assert_eq!(bench.build(&dockerfile).outcome(step), Cached, "{what}: once more");
        let dockerfile = one(&mut bench);
        assert_eq!(bench.build(&dockerfile).outcome(step), Cached, "{what}: undone");
    }
}

/// A step on nothing but the base.
fn on_base(line: &str) -> String {
    format!("FROM base\n{line}\n")
}

/// A Dockerfile of this text.
macro_rules! text {
    ($text:literal) => {
        |_| $text.to_owned()
    };
}
use text;

const THE_KEY_OF_A_DIRECTORY: &[Part] = &[
    Part {
        what: "path",
        one: |_| on_base("WORKDIR /w"),
        other: |_| on_base("WORKDIR /v"),
        why: Some("the path changed: /w → /v"),
    },
    Part {
        what: "owner",
        one: |_| on_base("USER 1\nWORKDIR /w"),
        other: |_| on_base("USER 2\nWORKDIR /w"),
        why: Some("the owner changed: 1 → 2"),
    },
    Part {
        what: "the rootfs below",
        one: |_| on_base("RUN write f 1\nWORKDIR /w"),
        other: |_| on_base("RUN write f 2\nWORKDIR /w"),
        why: Some("the steps before it changed: [2/3] RUN write f 2"),
    },
    Part {
        what: "the environment",
        one: |_| on_base("ENV A=1\nWORKDIR /w"),
        other: |_| on_base("ENV A=2\nWORKDIR /w"),
        why: None,
    },
];

#[test]
fn the_key_of_a_directory() {
    check("WORKDIR", THE_KEY_OF_A_DIRECTORY);
}

#[test]
fn the_key_of_other_times() {
    let layer = |text: &[u8]| LayerId::Built(ContentHash::of(text));
    let key = |text, epoch, clamp| key::restamp(&layer(text), Restamp { epoch, clamp });
    assert_eq!(key(b"1", 5, false), key(b"1", 5, false));
    for other in [key(b"2", 5, false), key(b"1", 6, false), key(b"1", 5, true)] {
        assert_ne!(other, key(b"1", 5, false));
    }
}
