//! `testdata/e2e/static`: a compiler in one stage, only its product in the image.

use crate::support::{Store, testdata};

const LIMIT: u64 = 2_000_000;

#[test]
fn a_static_program_alone_makes_a_small_image() {
    let store = Store::new();
    store.build("hello", &testdata("static"));
    assert_eq!(store.prints("hello", &[]), "hello, world");
    assert_eq!(store.prints("hello", &["you"]), "hello, you");

    let layout = store.layout("hello");
    let size: u64 = std::fs::read_dir(layout.join("blobs/sha256"))
        .expect("list the blobs")
        .map(|blob| blob.and_then(|blob| blob.metadata()).expect("look at a blob").len())
        .sum();
    assert!(size < LIMIT, "the image has {size} bytes");
}
