#!/usr/bin/env python3
"""image.py NAME ARCHIVE: writes a docker-archive whose layers are what standard input says.

Without a name it writes the first layer alone.

Standard input is JSON: a list of layers, each a list of entries `[kind, name, rest]`. The kinds are `file`
(rest: content), `dir`, `link`, `hard` (rest: target), `char`, `block` (rest: [major, minor]), `pipe`; a
fourth item is the mode. Names and targets are written as they are, however wrong.
"""
import hashlib
import io
import json
import sys
import tarfile

KINDS = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
    "hard": tarfile.LNKTYPE,
    "char": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
    "pipe": tarfile.FIFOTYPE,
}


def add(archive, kind, name, rest=None, mode=0o755):
    entry = tarfile.TarInfo()
    entry.name = name
    entry.type = KINDS[kind]
    entry.mode = mode
    content = b""
    if kind == "file":
        content = rest.encode()
        entry.size = len(content)
    elif kind in ("link", "hard"):
        entry.linkname = rest
    elif kind in ("char", "block"):
        entry.devmajor, entry.devminor = rest
    archive.addfile(entry, io.BytesIO(content))


def pack(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for entry in entries:
            add(archive, *entry)
    return out.getvalue()


def main(name, path):
    layers = [pack(entries) for entries in json.load(sys.stdin)]
    if not name:
        with open(path, "wb") as file:
            file.write(layers[0])
        return
    ids = ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": ids},
    }
    names = [f"{number}.tar" for number in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": names}]
    files = [["file", "config.json", json.dumps(config)], ["file", "manifest.json", json.dumps(manifest)]]
    with tarfile.open(path, mode="w") as archive:
        for file in files:
            add(archive, *file)
        for name, layer in zip(names, layers):
            entry = tarfile.TarInfo(name)
            entry.size = len(layer)
            archive.addfile(entry, io.BytesIO(layer))


main(*sys.argv[1:])
