#!/bin/sh
# make-bases.sh WORKDIR [busybox|debian|all]     (default all)
# Makes the base images that the tests build on, from Debian packages alone:
#   WORKDIR/busybox.tar  WORKDIR/debian.tar      root file systems
#   WORKDIR/oci/busybox  WORKDIR/oci/debian      OCI image layouts (tags latest, trixie-slim)
# Needs root, python3, busybox-static; for debian also debootstrap and a Debian mirror
# (DEBIAN_MIRROR, else debootstrap's own choice). LAPSTRAKE_BASES_FROM names a folder that already
# holds such tars. Does nothing where the result is already there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${1:?usage: make-bases.sh WORKDIR [busybox|debian|all]}
what=${2:-all}
fail() { echo "make-bases.sh: $*" >&2; exit 2; }

mkdir -p "$work/oci"
work=$(cd "$work" && pwd)
[ "$(id -u)" = 0 ] || fail "needs root: a root file system holds files of several owners"

# pack TREE NAME [TAR OPTION...]: the tree as NAME.tar, the same bytes for the same files
pack() {
  tree=$1; name=$2; shift 2
  tar --sort=name --mtime=@1700000000 --owner=0 --group=0 --numeric-owner -C "$tree" "$@" \
    -cf "$work/$name.tar.tmp" .
  mv "$work/$name.tar.tmp" "$work/$name.tar"
}

busybox_base() {
  bb=${BUSYBOX:-/bin/busybox}
  [ -x "$bb" ] || fail "$bb is missing: apt-get install -y busybox-static"
  t=$(mktemp -d "$work/busybox.XXXXXX")
  for d in bin etc root tmp usr usr/bin var var/tmp proc sys dev home; do
    mkdir "$t/$d"; chmod 755 "$t/$d"
  done
  chmod 1777 "$t/tmp" "$t/var/tmp"; chmod 755 "$t"
  cp "$bb" "$t/bin/busybox"; chmod 755 "$t/bin/busybox"
  "$bb" --list | grep -vx busybox | while read -r applet; do ln -sf busybox "$t/bin/$applet"; done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n' > "$t/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' > "$t/etc/group"
  chmod 644 "$t/etc/passwd" "$t/etc/group"
  pack "$t" busybox
  rm -rf "$t"
}

debian_base() {
  command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install -y debootstrap"
  t=$work/debian-tree.tmp
  rm -rf "$t"
  debootstrap --variant=minbase trixie "$t" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} > "$work/debootstrap.log" 2>&1 ||
    { tail -n 20 "$work/debootstrap.log" >&2; fail "debootstrap failed"; }
  pack "$t" debian --exclude='./var/lib/apt/lists/*' --exclude='./var/cache/apt/*' \
    --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' \
    --exclude='./var/log/*' --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' \
    --exclude=./etc/resolv.conf --exclude=./etc/hostname
  rm -rf "$t"
}

base() { # NAME TAG
  given=${LAPSTRAKE_BASES_FROM:+$LAPSTRAKE_BASES_FROM/$1.tar}
  if [ ! -f "$work/$1.tar" ]; then
    if [ -n "$given" ] && [ -f "$given" ]; then cp "$given" "$work/$1.tar"; else "$1_base"; fi
  fi
  [ -f "$work/oci/$1/index.json" ] || python3 "$here/oci.py" layout "$work/$1.tar" "$work/oci/$1" "$2"
}

case $what in
  busybox) base busybox latest ;;
  debian) base debian trixie-slim ;;
  all) base busybox latest; base debian trixie-slim ;;
  *) fail "unknown base $what" ;;
esac
