//! Archives that want out (security.md S30-S33, after containerd's TestBreakouts).

use super::super::{Extract, extract};
use super::*;
use crate::testing::{listing, open_path, scanned};
use crate::{Kind, LayerWriter, Meta, Timestamp, TreePath};

/// Makes the archive, applies it beside a canary and returns the listing, or the error's text.
/// Whatever the archive says, the canary stays as it is.
fn contained(members: &str) -> Result<Vec<String>, String> {
    let scratch = Scratch::new();
    scratch.shell("mkdir victim; echo secret > victim/file; chmod 640 victim/file; ln -s file victim/link; chmod 750 victim; touch -d @1000 victim victim/file");
    let canary = "find victim -printf '%p %y %m %U %G %i %n %T@ %l\\n' | sort; cat victim/file; stat -c '%a %u' /etc /tmp";
    let before = scratch.shell(canary);
    scratch.python(&python_tar(members));
    let result = applied(&scratch, "a.tar", "out");
    assert_eq!(scratch.shell(canary), before, "{members}");
    scratch.shell("rm -rf out2; mkdir out2");
    let mut writer =
        LayerWriter::new(open_path(&scratch.path().join("out2")), View::default()).unwrap();
    let bytes = std::fs::read(scratch.path().join("a.tar")).unwrap();
    let _ = extract(bytes.as_slice(), &mut writer, &TreePath::from("at"), Extract::default());
    assert_eq!(scratch.shell(canary), before, "{members}");
    match result {
        Ok(manifest) => {
            let found = scanned(open_path(&scratch.path().join("out")));
            crate::testing::assert_same(&manifest, &found);
            Ok(listing(manifest.entries().iter().skip(1)).iter().map(|line| short(line)).collect())
        }
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            Err(text)
        }
    }
}

/// `path letter mode` and what distinguishes the kind.
fn short(line: &str) -> String {
    let line = line.split(" 0:0").next().unwrap_or_default().to_owned();
    let mut words: Vec<&str> = line.split(' ').collect();
    let mode = words.pop().unwrap_or_default().to_owned();
    let kind = match words.get(1).copied().unwrap_or_default() {
        "Directory" if line.contains("opaque: true") => "opaque",
        "Directory" => "dir",
        "File" => "file",
        "Symlink" => "link",
        "HardLink" => "hard",
        "Whiteout" => "whiteout",
        other => other,
    };
    format!("{} {kind} {mode}", words.first().unwrap_or(&""))
}

#[track_caller]
fn gives(members: &str, expected: &[&str]) {
    match contained(members) {
        Ok(found) => assert_eq!(found, expected, "{members}"),
        Err(error) => panic!("{members}: {error}"),
    }
}

#[track_caller]
fn refused(members: &str, part: &str) {
    match contained(members) {
        Ok(found) => panic!("{members} gave {found:?}"),
        Err(error) => assert!(error.contains(part), "{members}: {error}"),
    }
}

#[test]
fn names_stay_inside() {
    gives("[('../x', 'f', 0o644, 'x')]", &["/x file 644"]);
    gives("[('/../../x', 'f', 0o644, 'x')]", &["/x file 644"]);
    gives("[('/abs/x', 'f', 0o644, 'x')]", &["/abs dir 755", "/abs/x file 644"]);
    gives(
        "[('a/../../victim/file', 'f', 0o644, 'x')]",
        &["/victim dir 755", "/victim/file file 644"],
    );
    gives("[('../out2/x', 'f', 0o644, 'x')]", &["/out2 dir 755", "/out2/x file 644"]);
    gives("[('../' * 300 + 'x', 'f', 0o644, 'x')]", &["/x file 644"]);
    gives("[('./', 'd', 0o700, ''), ('.', 'd', 0o711, '')]", &[]);
    refused("[('..', 'f', 0o644, 'x')]", "only be a directory");
    refused("[('.', 'l', 0o644, '/')]", "only be a directory");
}

#[test]
fn links_in_parents_lead_inside_the_root() {
    gives(
        "[('l', 'l', 0o777, '../victim'), ('l/file', 'f', 0o644, 'x')]",
        &["/l link 777", "/victim dir 755", "/victim/file file 644"],
    );
    gives(
        "[('l', 'l', 0o777, '/etc'), ('l/passwd', 'f', 0o644, 'x')]",
        &["/etc dir 755", "/etc/passwd file 644", "/l link 777"],
    );
    gives(
        "[('a', 'd', 0o755, ''), ('a/l', 'l', 0o777, '../../../..'), ('a/l/x', 'f', 0o644, 'x')]",
        &["/a dir 755", "/a/l link 777", "/x file 644"],
    );
    gives(
        "[('l', 'l', 0o777, '/'), ('l/l/l/x', 'f', 0o644, 'x')]",
        &["/l link 777", "/x file 644"],
    );
    gives(
        "[('l', 'l', 0o777, 'd'), ('l/x', 'f', 0o644, ''), ('d', 'l', 0o777, 'e'), ('l/y', 'f', 0o644, ''), ('l', 'd', 0o700, ''), ('l/z', 'f', 0o644, '')]",
        &["/d link 777", "/e dir 755", "/e/y file 644", "/l dir 700", "/l/z file 644"],
    );
    refused("[('l', 'l', 0o777, 'l'), ('l/x', 'f', 0o644, 'x')]", "too many symbolic links");
    refused("[('f', 'f', 0o644, ''), ('f/x', 'f', 0o644, 'x')]", "is not a directory");
}

#[test]
fn the_last_component_is_replaced_never_followed() {
    gives("[('l', 'l', 0o777, '../victim'), ('l', 'd', 0o777, '')]", &["/l dir 777"]);
    gives("[('l', 'l', 0o777, '../victim/file'), ('l', 'f', 0o4777, 'x')]", &["/l file 4777"]);
    gives(
        "[('d', 'd', 0o755, ''), ('d/x', 'f', 0o644, ''), ('d', 'f', 0o600, '')]",
        &["/d file 600"],
    );
    gives(
        "[('f', 'f', 0o644, ''), ('f', 'd', 0o700, ''), ('f/x', 'f', 0o644, '')]",
        &["/f dir 700", "/f/x file 644"],
    );
    gives("[('f', 'f', 0o644, 'one'), ('f', 'f', 0o600, 'two')]", &["/f file 600"]);
    gives(
        "[('d', 'd', 0o700, ''), ('d/x', 'f', 0o644, ''), ('d', 'd', 0o711, '')]",
        &["/d dir 711", "/d/x file 644"],
    );
}

#[test]
fn hard_links_name_files_of_the_layer_only() {
    gives("[('a', 'f', 0o644, 'x'), ('b', 'h', 0o600, 'a')]", &["/a file 600", "/b hard 600"]);
    gives("[('b', 'f', 0o644, 'x'), ('a', 'h', 0o644, '/b')]", &["/a file 644", "/b hard 644"]);
    gives(
        "[('b', 'f', 0o644, 'x'), ('a', 'h', 0o644, '../../b')]",
        &["/a file 644", "/b hard 644"],
    );
    gives(
        "[('l', 'l', 0o777, '../victim/file'), ('h', 'h', 0o777, 'l'), ('h', 'h', 0o4777, 'l')]",
        &["/h link 777", "/l link 777"],
    );
    refused("[('a', 'h', 0o644, '../victim/file')]", "this layer has no such file");
    refused("[('a', 'h', 0o644, '/etc/passwd')]", "this layer has no such file");
    refused("[('l', 'l', 0o777, '../victim'), ('a', 'h', 0o644, 'l/file')]", "no such file");
    refused("[('d', 'd', 0o755, ''), ('a', 'h', 0o644, 'd')]", "no such file");
    refused("[('d/a', 'f', 0o644, ''), ('d', 'h', 0o644, 'd/a')]", "no such file");
    gives("[('a', 'f', 0o644, 'x'), ('a', 'h', 0o644, 'a')]", &["/a file 644"]);
}

#[test]
fn whiteouts() {
    gives("[('d/.wh.x', 'f', 0o644, '')]", &["/d dir 755", "/d/x whiteout 0"]);
    gives(
        "[('d/.wh..wh..opq', 'f', 0o644, ''), ('d/x', 'f', 0o600, '')]",
        &["/d opaque 755", "/d/x file 600"],
    );
    gives(
        "[('d/x', 'f', 0o600, ''), ('d/.wh..wh..opq', 'f', 0o644, ''), ('d', 'd', 0o700, '')]",
        &["/d opaque 700", "/d/x file 600"],
    );
    gives("[('x', 'f', 0o600, ''), ('.wh.x', 'f', 0o644, '')]", &["/x file 600"]);
    gives("[('.wh.x', 'f', 0o644, ''), ('x', 'f', 0o600, '')]", &["/x file 600"]);
    gives("[('.wh.x', 'f', 0o644, ''), ('x', 'd', 0o700, '')]", &["/x opaque 700"]);
    gives("[('x', 'd', 0o700, ''), ('.wh.x', 'f', 0o644, '')]", &["/x opaque 700"]);
    gives(
        "[('.wh..wh.plnk', 'd', 0o700, ''), ('.wh..wh.plnk/1.2', 'f', 0o600, 'x'), ('.wh..wh.aufs', 'f', 0, '')]",
        &[],
    );
    gives(
        "[('l', 'l', 0o777, '../victim'), ('l/.wh.file', 'f', 0o644, '')]",
        &["/l link 777", "/victim dir 755", "/victim/file whiteout 0"],
    );
    gives(
        "[('l', 'l', 0o777, '/'), ('l/.wh.x', 'f', 0o644, '')]",
        &["/l link 777", "/x whiteout 0"],
    );
    gives("[('.wh.' + 'n' * 255, 'f', 0o644, '')]", &[&format!("/{} whiteout 0", "n".repeat(255))]);
    for name in [".wh.", ".wh..", ".wh...", "d/.wh..", ".wh.d/x", "../.wh..", ".wh.a/.wh.b"] {
        refused(&format!("[('{name}', 'f', 0o644, '')]"), "reserved name");
    }
    refused(
        "[('.wh.x', 'f', 0o644, ''), ('x/y', 'f', 0o644, ''), ('x', 'c', 0o644, (0, 0))]",
        "device",
    );
    refused("[('x', 'c', 0o644, (0, 0))]", "device with the numbers 0:0");
    refused("[('x', 'b', 0o644, (5000, 0))]", "device with the numbers 5000:0");
}

#[test]
fn an_opaque_root_hides_all_layers_below() {
    let scratch = Scratch::new();
    scratch.python(&python_tar("[('.wh..wh..opq', 'f', 0o644, ''), ('x', 'f', 0o600, '')]"));
    let manifest = applied(&scratch, "a.tar", "out").unwrap();
    assert_eq!(manifest.entries()[0].kind, Kind::Directory { opaque: true });
    let lower = scratch.layer("lower", &View::default(), |writer| {
        let meta = Meta::of_root(0o644, Timestamp::default());
        writer.file(&TreePath::from("hidden"), &meta, &mut std::io::empty()).unwrap();
    });
    let view = View::new(vec![lower.into(), manifest.into()]);
    assert_eq!(view.lowest_shown(), 1);
    assert!(view.entry(&TreePath::from("hidden")).is_none());
}

#[test]
fn overlayfs_attributes_do_not_get_in() {
    let scratch = Scratch::new();
    scratch.python(
        "import tarfile
t = tarfile.open('a.tar', 'w', format=tarfile.PAX_FORMAT)
i = tarfile.TarInfo('d'); i.type = tarfile.DIRTYPE; i.mode = 0o755
X = 'SCHILY.xattr.'
i.pax_headers = {X + 'trusted.overlay.opaque': 'y', X + 'user.overlay.opaque': 'y', X + 'trusted.overlay.redirect': '/x',
  X + 'trusted.overlay.metacopy': '', X + 'user.ok': 'yes', X + 'security.selinux': 'label'}
t.addfile(i)
t.close()",
    );
    let manifest = applied(&scratch, "a.tar", "out").unwrap();
    let entry = manifest.entry(&TreePath::from("d")).unwrap();
    assert_eq!(entry.kind, Kind::Directory { opaque: false });
    assert_eq!(
        entry.xattrs.iter().map(|xattr| xattr.name.as_slice()).collect::<Vec<_>>(),
        [b"user.ok"]
    );
    let listed = scratch.python("import os; print(os.listxattr('out/d'))");
    assert_eq!(listed, "['user.ok']\n");
}

#[test]
fn extracting_follows_links_of_lower_layers_inside_the_destination() {
    let scratch = Scratch::new();
    let meta = Meta::of_root(0o755, Timestamp::default());
    let lower = scratch.layer("lower", &View::default(), |writer| {
        writer.directory(&TreePath::from("x"), &meta).unwrap();
        writer.directory(&TreePath::from("x/real"), &meta).unwrap();
        writer.symlink(&TreePath::from("x/l"), &meta, b"/real").unwrap();
        writer.symlink(&TreePath::from("x/l2"), &meta, b"/real").unwrap();
        writer.directory(&TreePath::from("x/dir"), &meta).unwrap();
        writer.file(&TreePath::from("x/dir/in"), &meta, &mut std::io::empty()).unwrap();
    });
    scratch.python(&python_tar(
        "[('l/new', 'f', 0o644, ''), ('l2', 'd', 0o700, ''), ('dir', 'f', 0o600, '')]",
    ));
    let bytes = std::fs::read(scratch.path().join("a.tar")).unwrap();
    let upper = scratch.layer("upper", &View::new(vec![lower.into()]), |writer| {
        let options = Extract { owner: Some((5, 6)), ..Extract::default() };
        extract(bytes.as_slice(), writer, &TreePath::from("x"), options).unwrap();
    });
    let shown = listing(upper.entries().iter().skip(1));
    let shown: Vec<String> =
        shown.iter().map(|line| line.replace(" { opaque: false }", "")).collect();
    assert_eq!(shown[0], "/x Directory 755 0:0");
    assert!(shown[1].starts_with("/x/dir File"));
    assert_eq!(shown[2], "/x/l2 Directory 700 5:6");
    assert_eq!(shown[3], "/x/real Directory 755 0:0");
    assert!(shown[4].starts_with("/x/real/new File") && shown[4].ends_with("644 5:6"));
    assert_eq!(shown.len(), 5);
}

#[test]
fn extracting_refuses_names_that_a_layer_would_read_as_removals() {
    let scratch = Scratch::new();
    scratch.python(&python_tar("[('f', 'f', 0o644, ''), ('.wh.f', 'f', 0o644, '')]"));
    let bytes = std::fs::read(scratch.path().join("a.tar")).unwrap();
    scratch.layer("upper", &View::default(), |writer| {
        let error = extract(bytes.as_slice(), writer, &TreePath::from("x"), Extract::default());
        let error = error.unwrap_err().to_string();
        assert!(error.contains(".wh.f"), "{error}");
    });
}
