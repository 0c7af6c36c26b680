//! Archives made and read by others: GNU tar, Python's tarfile, umoci.

mod breakouts;
mod foreign;
mod pack;

use crate::testing::Scratch;
use crate::{LayerManifest, View};

use super::{ApplyError, Limits, apply};

/// Applies the archive `tar` of `scratch` into its directory `out`.
fn applied(scratch: &Scratch, tar: &str, out: &str) -> Result<LayerManifest, ApplyError> {
    let bytes = std::fs::read(scratch.path().join(tar)).unwrap();
    applied_bytes(scratch, &bytes, out)
}

fn applied_bytes(scratch: &Scratch, bytes: &[u8], out: &str) -> Result<LayerManifest, ApplyError> {
    let writer = crate::LayerWriter::new(scratch.directory(out), View::default()).unwrap();
    apply(bytes, writer, &Limits::default())
}

/// A script for Python that makes `a.tar` of members given as
/// `(name, type, mode, link-or-content)`.
fn python_tar(members: &str) -> String {
    format!(
        "import tarfile, io
t = tarfile.open('a.tar', 'w', format=tarfile.PAX_FORMAT)
T = dict(f=b'0', d=b'5', l=b'2', h=b'1', c=b'3', b=b'4', p=b'6')
for name, kind, mode, rest in {members}:
    i = tarfile.TarInfo(name); i.type = T[kind]; i.mode = mode; i.mtime = 1500000000
    if kind == 'f':
        i.size = len(rest); t.addfile(i, io.BytesIO(rest.encode()))
    elif kind in 'cb':
        i.devmajor, i.devminor = rest; t.addfile(i)
    else:
        i.linkname = rest; t.addfile(i)
t.close()"
    )
}
