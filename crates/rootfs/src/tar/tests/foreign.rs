//! Archives that others wrote, read as they read them.

use proptest::prelude::*;

use super::*;
use crate::decompress::{self, Format, is_archive};
use crate::testing::open_path;
use crate::{Kind, LayerWriter, TreePath};

/// A tree with everything that GNU tar can keep.
const TREE: &str = "
mkdir -p src/d/sub src/empty src/$(printf 'n%.0s' $(seq 120))/$(printf 'm%.0s' $(seq 200))
cd src
echo one > d/one; echo two > d/sub/two; printf '' > d/none
head -c 300000 /dev/urandom > d/large
ln -s one d/link; ln -s /$(printf 't%.0s' $(seq 150)) d/longlink; ln d/one d/hard
f=$(echo n*/m*)/$(printf 'f%.0s' $(seq 250)); echo deep > $f; ln n*/m*/f* d/hardlong
printf x > 'new
line'; printf y > \"$(printf '\\377')\"; printf z > é; printf w > -dash
truncate -s 3M d/holes; printf a | dd of=d/holes bs=1 seek=1000000 conv=notrunc status=none
printf end | dd of=d/holes bs=1 seek=2500000 conv=notrunc status=none
truncate -s 1M d/onlyhole
chown 1000:2000 d/one; chmod 4751 d/one; chmod 1777 empty; chmod 0 d/none; chmod 500 d/sub
touch -d '1999-12-31 23:59:59.123456789' d/sub/two; touch -d @1 d/link -h; touch -d @0 d/large";

/// Devices and pipes, which the v7 format lacks.
const NODES: &str = "
cd src; mkfifo pipe; mknod null c 1 3; mknod disk b 8 1; chmod 640 disk";

/// Everything about every file of a tree.
fn listing(scratch: &Scratch, folder: &str, times: &str) -> String {
    scratch.shell(&format!(
        "cd {folder}; find . -printf '%P %y %m %U:%G %n %s {times} %l\\n' | LC_ALL=C sort
        find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
        find . -type b -o -type c | LC_ALL=C sort | xargs -r stat -c '%n %t:%T'"
    ))
}

/// GNU tar writes `arguments`, and apply makes of it what GNU tar makes of it.
fn as_gnu_tar(arguments: &str, nodes: bool) {
    let scratch = Scratch::new();
    scratch.shell(TREE);
    if nodes {
        scratch.shell(NODES);
    }
    let long = if arguments.contains("v7") || arguments.contains("ustar") {
        "--exclude=n* --exclude=longlink --exclude=hardlong"
    } else {
        ""
    };
    scratch.shell(&format!(
        "tar {arguments} {long} --numeric-owner -C src -cf a.tar . ; mkdir ref; tar -xpf a.tar --same-owner --numeric-owner -C ref"
    ));
    let manifest = applied(&scratch, "a.tar", "out").unwrap();
    // find cannot tell sizes of directories apart from how they were filled.
    let strip = |text: String| -> Vec<String> {
        let size = |line: &str| {
            let mut words: Vec<&str> = line.split(' ').collect();
            if words.get(1) == Some(&"d") {
                words.remove(5);
            }
            words.join(" ")
        };
        text.lines().map(size).collect()
    };
    let times = "%T@";
    assert_eq!(
        strip(listing(&scratch, "out", times)),
        strip(listing(&scratch, "ref", times)),
        "{arguments}"
    );
    crate::testing::assert_same(
        &manifest,
        &crate::testing::scanned(open_path(&scratch.path().join("out"))),
    );
}

#[test]
fn gnu_tars_formats() {
    as_gnu_tar("--format=v7", false);
    as_gnu_tar("--format=ustar", true);
    as_gnu_tar("--format=oldgnu", true);
    as_gnu_tar("--format=gnu", true);
    as_gnu_tar("--format=posix", true);
}

#[test]
fn gnu_tars_sparse_files() {
    as_gnu_tar("-S --format=gnu", true);
    for version in ["0.0", "0.1", "1.0"] {
        as_gnu_tar(&format!("-S --format=posix --sparse-version={version}"), true);
    }
}

#[test]
fn sparse_files_with_many_pieces() {
    let scratch = Scratch::new();
    scratch.shell(
        "mkdir src; python3 -c '
f = open(\"src/f\", \"wb\")
for i in range(300):
    f.seek(i * 65536 + i); f.write(b\"data%d\" % i)
f.truncate(300 * 65536)'",
    );
    for form in [
        "--format=gnu",
        "--format=posix --sparse-version=0.0",
        "--format=posix --sparse-version=0.1",
        "--format=posix",
    ] {
        scratch.shell(&format!("rm -rf out; tar -S {form} -C src -cf a.tar f"));
        applied(&scratch, "a.tar", "out").unwrap();
        scratch.shell("cmp src/f out/f");
        let blocks: u64 = scratch.shell("stat -c %b out/f").trim().parse().unwrap();
        assert!(blocks * 512 <= 300 * 65536);
    }
}

#[test]
fn large_numbers() {
    let scratch = Scratch::new();
    for format in ["PAX_FORMAT", "GNU_FORMAT"] {
        let script = format!(
            "import tarfile, io
t = tarfile.open('a.tar', 'w', format=tarfile.{format})
for name, uid, mtime in [('a', 2**32-2, -1), ('b', 2**21, 2**33), ('c', 2**31, 0), ('d', 2097151, 2**33-1), ('e', 5, 2**33 + 2**32)]:
    i = tarfile.TarInfo(name); i.uid = i.gid = uid; i.mtime = mtime; t.addfile(i)
i = tarfile.TarInfo('ns'); i.pax_headers = dict(mtime='-12.25'); t.addfile(i)
t.close()"
        );
        scratch.shell("rm -rf out");
        scratch.python(&script);
        let manifest = applied(&scratch, "a.tar", "out").unwrap();
        let found: Vec<(u32, i64)> =
            manifest.entries().iter().skip(1).map(|e| (e.uid, e.mtime.seconds)).collect();
        let expected = [
            (u32::MAX - 1, -1),
            (1 << 21, 1 << 33),
            (1 << 31, 0),
            (2_097_151, (1 << 33) - 1),
            (5, (1 << 33) + (1 << 32)),
        ];
        assert_eq!(found[..5], expected, "{format}");
        if format == "PAX_FORMAT" {
            let time = manifest.entry(&TreePath::from("ns")).unwrap().mtime;
            assert_eq!((time.seconds, time.nanoseconds), (-13, 750_000_000));
        }
        crate::testing::assert_same(
            &manifest,
            &crate::testing::scanned(open_path(&scratch.path().join("out"))),
        );
    }
}

/// Python writes a member with these header changes; the error must contain `part`, or, when that
/// is empty, there must be none.
fn crafted(body: &str, part: &str) {
    let scratch = Scratch::new();
    scratch.python(&format!(
        "import tarfile, io, struct
def member(name, size=0, kind=b'0', pax=None, link='', data=b''):
    i = tarfile.TarInfo(name); i.size = size; i.type = kind; i.linkname = link
    b = b''
    if pax:
        i.pax_headers = pax
        b = i.create_pax_header({{}}, 'utf-8') if False else raw_pax(pax)
    i.pax_headers = {{}}
    return b + i.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512)
def raw(kind, body):
    i = tarfile.TarInfo('x'); i.type = kind; i.size = len(body)
    return i.tobuf(tarfile.USTAR_FORMAT) + body + bytes(-len(body) % 512)
def record(k, v):
    n = len(k) + len(v) + 3; l = n + 1
    while n + len(str(l)) > l: l += 1
    return b'%d %s=%s\\n' % (l, k, v)
def raw_pax(pax, kind=b'x'):
    return raw(kind, b''.join(record(k, v) for k, v in pax.items()))
def fix(block):
    block = bytearray(block); block[148:156] = b' ' * 8
    block[148:156] = b'%06o\\0 ' % sum(block); return bytes(block)
end = bytes(1024)
{body}
open('a.tar', 'wb').write(out)"
    ));
    match applied(&scratch, "a.tar", "out") {
        Ok(manifest) => {
            assert_eq!(part, "", "{body} gave {manifest:?}");
            let listed = scratch.shell(
                "tar -tf a.tar --quoting-style=literal 2>/dev/null | sed 's,/$,,' | sort -u",
            );
            let found: Vec<String> =
                manifest.entries().iter().skip(1).map(|e| e.path.to_string()).collect();
            let expected: Vec<String> = listed.lines().map(|line| format!("/{line}")).collect();
            assert_eq!(found, expected, "{body}");
        }
        Err(error) => {
            let text = format!("{error} {:?}", std::error::Error::source(&error));
            assert!(!part.is_empty() && text.contains(part), "{body}: {text}");
        }
    }
}

#[test]
fn what_readers_disagree_about_is_refused() {
    crafted("out = member('a', 4, data=b'abcd') + end", "");
    crafted("out = member('a', 0, pax={b'size': b'600'}, data=b'x' * 600) + member('b') + end", "");
    crafted("out = member('a', 9999, pax={b'size': b'3'}, data=b'abc') + member('b') + end", "");
    crafted("out = member('a', pax={b'size': b'-1'}) + end", "the size");
    crafted("out = member('a', pax={b'size': b'0x10'}) + end", "the size");
    crafted("out = raw(b'x', b'30 path=zzz\\n') + member('a') + end", "the extended header");
    crafted("out = raw(b'x', b'path=zzz\\n') + member('a') + end", "the extended header");
    crafted(
        "out = raw(b'L', b'long\\0') + raw_pax({b'path': b'other'}) + member('a') + end",
        "two different long names",
    );
    crafted("out = raw(b'L', b'same\\0') + raw_pax({b'path': b'same'}) + member('a') + end", "");
    crafted("out = raw_pax({b'path': b'evil'}, b'g') + member('a') + end", "the global header");
    crafted("out = raw_pax({b'comment': b'git'}, b'g') + member('a') + end", "");
    crafted("out = raw_pax({b'path': b'a\\0b'}) + member('a') + end", "the name");
    crafted("out = member('d', 512, b'5') + member('hidden') + end", "the size");
    crafted("out = member('l', 512, b'2', link='x') + member('hidden') + end", "the size");
    crafted("out = member('a') + member('h', 512, b'1', link='a') + member('b') + end", "");
    crafted("out = member('a', kind=b'Z') + end", "unknown type");
    crafted("out = member('a', 4, data=b'abcd')[:700]", "cut off");
    crafted("out = member('a', 4, data=b'abcd')", "");
    crafted("out = member('a') + end + member('after') + end", "");
    crafted("b = bytearray(member('a')); b[0] = 66; out = bytes(b) + end", "checksum");
    crafted(
        "b = bytearray(member('a')); b[124:136] = b'\\xff' * 12; out = fix(b) + end",
        "the size",
    );
    crafted(
        "b = bytearray(member('a')); b[124:136] = b'\\x80' + bytes(10) + b'\\3'; out = fix(b) + b'abc' + bytes(509) + member('b') + end",
        "",
    );
    crafted(
        "b = bytearray(member('a')); b[124:136] = b'12z45678901\\0'; out = fix(b) + end",
        "the size",
    );
    crafted(
        "b = bytearray(member('a')); b[108:116] = b'\\x80\\0\\0\\1\\0\\0\\0\\0'; out = fix(b) + end",
        "the owner",
    );
    crafted("out = member('a', pax={b'uid': b'4294967296'}) + end", "the owner");
    crafted("out = member('a', pax={b'uid': b'4294967295'}) + end", "set owner");
    crafted("out = member('a', pax={b'mtime': b'yesterday'}) + end", "the time");
    crafted(
        "out = member('a', 10, pax={b'GNU.sparse.major': b'1', b'GNU.sparse.minor': b'0', b'GNU.sparse.realsize': b'10'}, data=b'0\\n0\\n') + end",
        "sparse",
    );
    crafted(
        "out = member('a', 3, pax={b'GNU.sparse.size': b'10', b'GNU.sparse.numblocks': b'1', b'GNU.sparse.map': b'8,3'}, data=b'abc') + end",
        "sparse",
    );
    crafted(
        "out = member('a', 4, pax={b'GNU.sparse.size': b'10', b'GNU.sparse.numblocks': b'2', b'GNU.sparse.map': b'4,2,0,2'}, data=b'abcd') + end",
        "sparse",
    );
    crafted(
        "p = 'p' * 77; out = member(p, kind=b'5') + member(p + '/' + p, kind=b'5') + member(p + '/' + p + '/' + 'n' * 100) + end",
        "",
    );
    crafted("out = b''", "");
    crafted("out = b'not a tar at all'", "cut off");
}

#[test]
fn global_headers_are_defaults() {
    let scratch = Scratch::new();
    scratch.python(
        "import tarfile
t = tarfile.open('a.tar', 'w', format=tarfile.PAX_FORMAT, pax_headers=dict(mtime='1234567890.5', comment='c'))
t.addfile(tarfile.TarInfo('f')); t.close()",
    );
    let manifest = applied(&scratch, "a.tar", "out").unwrap();
    let time = manifest.entry(&TreePath::from("f")).unwrap().mtime;
    let listed = scratch.shell("mkdir ref; tar -xf a.tar -C ref; stat -c %Y ref/f");
    assert_eq!(
        (time.seconds.to_string(), time.nanoseconds),
        (listed.trim().to_owned(), 500_000_000)
    );
}

#[test]
fn limits_hold() {
    let scratch = Scratch::new();
    scratch.python(&python_tar("[('a/b/c', 'f', 0o644, 'x' * 5000), ('b', 'f', 0o644, '')]"));
    let bytes = std::fs::read(scratch.path().join("a.tar")).unwrap();
    let try_with = |limits: Limits, bytes: &[u8]| {
        scratch.shell("rm -rf out");
        let writer = LayerWriter::new(scratch.directory("out"), View::default()).unwrap();
        match apply(bytes, writer, &limits) {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.to_string(),
        }
    };
    let limits = Limits::default();
    assert_eq!(try_with(limits, &bytes), "ok");
    let few = Limits { entries: 1, ..limits };
    assert_eq!(try_with(few, &bytes), "the archive exceeds the limit of 1 members");
    let short = Limits { bytes: 5000, ..limits };
    assert!(try_with(short, &bytes).contains("limit of 5000 uncompressed bytes"));
    let shallow = Limits { depth: 2, ..limits };
    assert!(try_with(shallow, &bytes).contains("limit of 2 components"));
    let narrow = Limits { path: 4, ..limits };
    assert!(try_with(narrow, &bytes).contains("limit of 4 bytes in a path"));
    scratch.python(
        "import tarfile
t = tarfile.open('p.tar', 'w', format=tarfile.PAX_FORMAT)
i = tarfile.TarInfo('a'); i.pax_headers = {'comment': 'c' * 2000000}; t.addfile(i); t.close()",
    );
    let pax = std::fs::read(scratch.path().join("p.tar")).unwrap();
    assert!(try_with(limits, &pax).contains("limit of 1048576 bytes in an extended header"));
    // A terabyte of hole in a few bytes.
    scratch.shell("truncate -s 2T hole; tar -S -cf h.tar hole");
    let hole = std::fs::read(scratch.path().join("h.tar")).unwrap();
    let gigabyte = Limits { bytes: 1 << 30, ..limits };
    assert!(try_with(gigabyte, &hole).contains("uncompressed bytes"));
}

#[test]
fn compressed_streams() {
    let scratch = Scratch::new();
    scratch.python(&python_tar("[('a', 'f', 0o644, 'hello' * 100000)]"));
    scratch.shell(
        "gzip -k a.tar; bzip2 -k a.tar; xz -k a.tar; zstd -q a.tar
        head -c 200000 a.tar | gzip > two.gz; tail -c +200001 a.tar | gzip >> two.gz
        head -c 200000 a.tar | zstd -q > two.zst; tail -c +200001 a.tar | zstd -q >> two.zst
        head -c 200000 a.tar | xz > two.xz; tail -c +200001 a.tar | xz >> two.xz
        head -c 200000 a.tar | bzip2 > two.bz2; tail -c +200001 a.tar | bzip2 >> two.bz2
        printf 'P*M\\030\\003\\0\\0\\0abc' > skip.zst; cat a.tar.zst >> skip.zst
        : > empty; gzip -k empty; echo text > text; gzip -k text; head -c 20000 /dev/zero > zeros
        head -c 100 a.tar > short; head -c 400 a.tar.gz > cut.gz; printf '\\037\\213junk' > junk.gz",
    );
    let plain = std::fs::read(scratch.path().join("a.tar")).unwrap();
    let read = |name: &str| -> std::io::Result<(Format, Vec<u8>)> {
        let file = std::fs::File::open(scratch.path().join(name))?;
        let (format, mut reader) = decompress::reader(file)?;
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut bytes).map(|_| (format, bytes))
    };
    for (name, format) in [
        ("a.tar", Format::Plain),
        ("a.tar.gz", Format::Gzip),
        ("a.tar.bz2", Format::Bzip2),
        ("a.tar.xz", Format::Xz),
        ("a.tar.zst", Format::Zstd),
        ("two.gz", Format::Gzip),
        ("two.zst", Format::Zstd),
        ("two.xz", Format::Xz),
        ("two.bz2", Format::Bzip2),
        ("skip.zst", Format::Zstd),
    ] {
        let (found, bytes) = read(name).unwrap();
        assert!(found == format && bytes == plain, "{name}: {found:?}");
        assert!(is_archive(std::fs::File::open(scratch.path().join(name)).unwrap()), "{name}");
    }
    assert!(read("cut.gz").is_err());
    assert!(read("junk.gz").is_err());
    for name in ["empty", "empty.gz", "text", "text.gz", "zeros", "short", "junk.gz"] {
        assert!(!is_archive(std::fs::File::open(scratch.path().join(name)).unwrap()), "{name}");
    }
}

#[test]
fn a_large_zstd_window_is_refused() {
    let scratch = Scratch::new();
    scratch.shell("head -c 200000000 /dev/zero | zstd -q --ultra --long=31 -o big.zst; head -c 200000000 /dev/zero | zstd -q --long=27 -o fits.zst");
    let drained = |name: &str| {
        let file = std::fs::File::open(scratch.path().join(name)).unwrap();
        std::io::copy(&mut decompress::reader(file).unwrap().1, &mut std::io::sink())
    };
    assert!(drained("big.zst").is_err());
    assert_eq!(drained("fits.zst").unwrap(), 200_000_000);
}

fn sample() -> Vec<u8> {
    let scratch = Scratch::new();
    scratch.python(
        "import tarfile, io
t = tarfile.open('a.tar', 'w', format=tarfile.PAX_FORMAT)
for n, k, l in [('d', b'5', ''), ('d/f', b'0', ''), ('d/h', b'1', 'd/f'), ('d/l', b'2', '/x'), ('p' * 120, b'0', ''), ('.wh.x', b'0', '')]:
    i = tarfile.TarInfo(n); i.type = k; i.linkname = l; i.mtime = 1.5; i.mode = 0o755
    i.size = 700 if k == b'0' else 0
    i.pax_headers = {'SCHILY.xattr.user.a': 'v'} if k != b'2' else {}
    t.addfile(i, io.BytesIO(b'x' * 700))
t.close()
import subprocess; subprocess.check_call('truncate -s 1M s; tar -S --format=posix -rf a.tar s', shell=True)",
    );
    std::fs::read(scratch.path().join("a.tar")).unwrap()
}

/// Damaged archives: an error or a layer, never a panic, and the manifest stays true.
#[test]
fn damaged_archives() {
    let sample = sample();
    let changes = prop::collection::vec((0..sample.len(), any::<u8>(), any::<bool>()), 1..6);
    let config =
        ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() };
    proptest::test_runner::TestRunner::new(config)
        .run(&(changes, 0..sample.len()), |(changes, end)| {
            let mut bytes = sample.clone();
            for (at, byte, fix) in changes {
                bytes[at] = byte;
                let start = at / 512 * 512;
                if fix && let Some(block) = bytes.get_mut(start..start + 512) {
                    block[148..156].fill(b' ');
                    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
                    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
                }
            }
            if end % 4 == 0 {
                bytes.truncate(end);
            }
            let scratch = Scratch::new();
            if let Ok(manifest) = applied_bytes(&scratch, &bytes, "out") {
                let out = open_path(&scratch.path().join("out"));
                let found = crate::testing::scanned(out);
                let clamped = |manifest: &LayerManifest| {
                    let mut entries = manifest.entries().to_vec();
                    for entry in &mut entries {
                        entry.mtime.seconds =
                            entry.mtime.seconds.clamp(-(1 << 31), (1 << 34) - (1 << 31) - 1);
                        entry.mtime.nanoseconds = 0;
                    }
                    LayerManifest::new(entries)
                };
                crate::testing::assert_same(&clamped(&manifest), &clamped(&found));
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_sample_is_sound() {
    let scratch = Scratch::new();
    let manifest = applied_bytes(&scratch, &sample(), "out").unwrap();
    assert_eq!(manifest.entries().len(), 8);
    let hole = manifest.entry(&TreePath::from("s")).unwrap();
    assert!(matches!(hole.kind, Kind::File { size: 1_048_576, .. }));
}
