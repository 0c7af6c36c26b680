use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::*;
use crate::testing::Scratch;
use crate::{LayerManifest, Meta, Timestamp, View};

fn meta(mode: u32) -> Meta {
    Meta::of_root(mode, Timestamp { seconds: 1_500_000_000, nanoseconds: 0 })
}

/// Two layers: the upper one replaces the first name of a file that has two.
fn layers(scratch: &Scratch) -> (Merged, Vec<File>) {
    let lower = scratch.layer("lower", &View::default(), |writer| {
        writer.directory(&"d".into(), &meta(0o750)).unwrap();
        writer.file(&"d/one".into(), &meta(0o644), &mut &b"one\n"[..]).unwrap();
        writer.hard_link(&"d/two".into(), &"d/one".into(), None).unwrap();
        writer.hard_link(&"three".into(), &"d/one".into(), None).unwrap();
        writer.symlink(&"link".into(), &meta(0o777), b"/d/one").unwrap();
        writer.fifo(&"pipe".into(), &meta(0o600)).unwrap();
    });
    let view = View::new(vec![Arc::new(lower)]);
    let upper = scratch.layer("upper", &view, |writer| {
        writer.file(&"d/one".into(), &meta(0o4755), &mut &b"other\n"[..]).unwrap();
    });
    let layers: [Arc<LayerManifest>; 2] = [view.layers()[0].clone(), Arc::new(upper)];
    let open = |name| OwnedFd::from(File::open(scratch.path().join(name)).unwrap()).into();
    (Merged::of(&View::new(layers.to_vec())), vec![open("lower"), open("upper")])
}

/// Kind, mode, time and name of everything, and what files hold.
const LIST: &str = "cd out; find . -mindepth 1 -printf '%y %m %Ts %p %l\\n' | sort -k4; \
                    cat d/one d/two three; test d/two -ef three && ! test d/one -ef three";

const EXPECTED: &str = "d 750 1500000000 ./d \n\
                        f 4755 1500000000 ./d/one \n\
                        f 644 1500000000 ./d/two \n\
                        l 777 1500000000 ./link /d/one\n\
                        p 600 1500000000 ./pipe \n\
                        f 644 1500000000 ./three \n\
                        other\none\none\n";

#[test]
fn what_the_layers_show_becomes_files() {
    let scratch = Scratch::new();
    let (tree, layers) = layers(&scratch);
    let out = scratch.directory("out");
    write(&tree, &layers, out.as_fd()).unwrap();
    assert_eq!(scratch.shell(LIST), EXPECTED);
    write(&tree, &layers, out.as_fd()).unwrap();
    assert_eq!(scratch.shell(LIST), EXPECTED, "once more over the same");
}

#[test]
fn what_is_in_the_way_is_replaced_and_the_rest_stays() {
    let scratch = Scratch::new();
    let (tree, layers) = layers(&scratch);
    let out = scratch.directory("out");
    scratch.shell(
        "mkdir victim; echo safe > victim/one; ln -s ../victim out/d; mkdir -p out/three/x; \
         echo old > out/three/x/y; ln -s ../victim/one out/link; echo left > out/.lap-unfinished",
    );
    write(&tree, &layers, out.as_fd()).unwrap();
    assert_eq!(scratch.shell(LIST), EXPECTED);
    assert_eq!(scratch.shell("cat victim/one; ls victim"), "safe\none\n");
    scratch.shell("echo mine > out/mine; echo mine > out/d/mine");
    write(&tree, &layers, out.as_fd()).unwrap();
    assert_eq!(scratch.shell("cat out/mine out/d/mine"), "mine\nmine\n");
}

#[test]
fn trees_become_one_archive() {
    let scratch = Scratch::new();
    let (tree, layers) = layers(&scratch);
    let root = TreePath::root();
    let (left, right) = (TreePath::from("left"), TreePath::from("right"));
    let of = |below| crate::tar::Tree { merged: &tree, layers: &layers, below };
    let mut alone = Vec::new();
    crate::tar::write_merged(&[of(&root)], &mut alone).unwrap();
    scratch.file("alone.tar", &alone);
    scratch.directory("out");
    scratch.shell("tar -C out -xpf alone.tar");
    assert_eq!(scratch.shell(LIST), EXPECTED, "as tar(1) unpacks it");
    let mut both = Vec::new();
    crate::tar::write_merged(&[of(&left), of(&right)], &mut both).unwrap();
    scratch.file("both.tar", &both);
    scratch.shell("rm -r out; mkdir both; tar -C both -xpf both.tar; mv both/right out");
    assert_eq!(scratch.shell(LIST), EXPECTED);
    assert_eq!(scratch.shell("cat both/left/three; ls both"), "one\nleft\n");
}

#[test]
fn a_damaged_layer_is_told() {
    let scratch = Scratch::new();
    let (tree, layers) = layers(&scratch);
    let out = scratch.directory("out");
    scratch.shell("echo longer >> upper/d/one");
    let error = write(&tree, &layers, out.as_fd()).unwrap_err();
    assert!(matches!(&error, FilesError::Read { path, .. } if path.to_string() == "/d/one"));
    assert_eq!(scratch.shell("ls -A out/d"), "", "nothing half");
}
