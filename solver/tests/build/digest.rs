//! When the digests of layers are computed, and of which layers.

use std::fs;
use std::os::fd::AsFd as _;
use std::time::{Duration, SystemTime};

use lapstrake_cache::Layer;
use lapstrake_oci::Digest;
use lapstrake_rootfs::{LayerId, tar};

use crate::support::{Bench, Outcomes};

/// The layer of the image in which `id` lies at this place.
fn layer(bench: &Bench, outcomes: &Outcomes, place: usize) -> Layer {
    let diff_id = bench.config(outcomes.built()).rootfs.diff_ids[place];
    bench.store.layer(&LayerId::Image(diff_id)).unwrap().unwrap()
}

/// The sha256 of the tar of what the store has under `id`.
fn digest(bench: &Bench, id: &LayerId) -> Digest {
    let layer = bench.store.layer(id).unwrap().unwrap();
    let mut bytes = Vec::new();
    let folder = fs::File::open(&layer.path).unwrap();
    tar::write(folder.as_fd(), &layer.manifest, &mut bytes).unwrap();
    Digest::of(&bytes)
}

#[test]
fn a_layer_is_digested_beside_the_next_step() {
    let bench = Bench::new();
    bench.file("d/a", "a");
    let outcomes = bench.build("FROM base\nCOPY d /d\nRUN digested\n");
    assert_eq!(outcomes.output, "digested\n", "the command waits until the layer below it is");
    bench.file("d/b", "b");
    let outcomes = bench.build("FROM base\nCOPY d /d\nRUN digested\n");
    assert_eq!(outcomes.output, "digested\n", "also of a layer that links what it can");
    outcomes.built();
}

#[test]
fn a_layer_that_is_not_exported_has_no_digest() {
    let bench = Bench::new();
    bench.file("d/a", "a");
    let outcomes = bench.build(
        "FROM base AS b\nCOPY d /d\nRUN write noise 1\nRUN layers\nFROM base\nCOPY --from=b /d/a /a\n",
    );
    outcomes.built();
    let names: Vec<&str> =
        outcomes.output.lines().filter_map(|line| line.strip_prefix("layer ")).collect();
    assert_eq!(names.len(), 2, "{}", outcomes.output);
    for name in names {
        let id = LayerId::Built(name.strip_prefix("blake3-").unwrap().parse().unwrap());
        assert!(bench.store.has_layer(&id).unwrap());
        assert_eq!(bench.store.diff_id(&id).unwrap(), None, "{name}");
    }
    let exported = bench.config(outcomes.built()).rootfs.diff_ids;
    assert_eq!(exported.len(), 1);
}

#[test]
fn a_changed_file_among_many_gives_the_digest_of_what_is_kept() {
    let bench = Bench::new();
    for number in 0..50 {
        bench.file(&format!("d/{number}"), "same in all");
    }
    let dockerfile = "FROM base\nCOPY d /d\n";
    bench.build(dockerfile).built();
    bench.file("d/7", "changed");
    let outcomes = bench.build(dockerfile);
    let here = layer(&bench, &outcomes, 0);
    let exported = bench.config(outcomes.built()).rootfs.diff_ids[0];
    assert_eq!(digest(&bench, &here.id), exported);
}

/// A layer that was there before stays, with its times, and its digest is not that of the one which was
/// made again and given up.
#[test]
fn a_layer_made_again_with_other_times_keeps_its_digest() {
    let bench = Bench::new();
    // Seconds since 1970.
    let write = |name: &str, text: &str, time: u64| {
        bench.file(&format!("d/{name}"), text);
        let file = fs::File::options().write(true).open(bench.context().join("d").join(name));
        file.unwrap().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(time)).unwrap();
    };
    write("two", "2", 1_000);
    let owned = "FROM base\nCOPY --chown=0:0 d /d\n";
    write("one", "1", 2_000);
    bench.build(owned).built();
    write("one", "2", 3_000);
    // The same content under another key, in a stage that is not exported: it has no digest.
    let aside = bench.build("FROM base AS b\nCOPY d /d\nFROM base\nCOPY --from=b /d/one /one\n");
    aside.built();
    write("one", "2", 4_000);
    let again = bench.build(owned);
    assert_eq!(again.outcome("COPY"), lapstrake_solver::event::Outcome::Executed);
    let exported = bench.config(again.built()).rootfs.diff_ids[0];
    let here = bench.store.locate(&LayerId::Image(exported)).unwrap().unwrap();
    assert_eq!(digest(&bench, &here), exported);
    let kept = bench.store.layer(&here).unwrap().unwrap();
    let one = kept.manifest.entry(&lapstrake_rootfs::TreePath::from("d/one")).unwrap();
    assert_eq!(one.mtime.seconds, 3_000, "the times of the layer that was there");
}
