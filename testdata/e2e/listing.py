#!/usr/bin/env python3
"""listing.py ROOT: every path below ROOT with what a layer has to keep, one JSON array a line, sorted.

Run inside a container and over an unpacked image it has to print the same. Leaves out what a running
container adds: its mounts, and the files it is given for the network.
"""
import hashlib
import json
import os
import stat
import sys

MOUNTS = {"proc", "sys", "dev"}
GIVEN = {"etc/hosts", "etc/hostname", "etc/resolv.conf", "listing.py", ".dockerenv"}


def printable(name):
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def content(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def attributes(path):
    names = sorted(n for n in os.listxattr(path, follow_symlinks=False) if not n.startswith("trusted."))
    return {n: os.getxattr(path, n, follow_symlinks=False).hex() for n in names}


def entry(path, name, groups):
    st = os.lstat(path)
    fields = {"mode": f"{st.st_mode:o}", "uid": st.st_uid, "gid": st.st_gid}
    if stat.S_ISREG(st.st_mode):
        fields.update(size=st.st_size, sha256=content(path))
    if stat.S_ISLNK(st.st_mode):
        fields["link"] = printable(os.readlink(path))
    if stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
        fields["device"] = [os.major(st.st_rdev), os.minor(st.st_rdev)]
    if not stat.S_ISDIR(st.st_mode):
        fields["mtime"] = int(st.st_mtime)
        if st.st_nlink > 1:
            fields["first"] = groups.setdefault((st.st_dev, st.st_ino), printable(name))
    if attributes(path):
        fields["xattrs"] = attributes(path)
    return [printable(name), fields]


def walk(root):
    for folder, dirs, files in os.walk(root):
        if os.path.samefile(folder, root):
            dirs[:] = [d for d in dirs if d not in MOUNTS]
        dirs.sort()
        for name in dirs + files:
            path = os.path.join(folder, name)
            yield path, os.path.relpath(path, root)


def main(root):
    groups = {}
    for path, name in sorted(walk(root), key=lambda found: os.fsencode(found[1])):
        if name not in GIVEN:
            print(json.dumps(entry(path, name, groups), sort_keys=True))


if __name__ == "__main__":
    main(sys.argv[1])
