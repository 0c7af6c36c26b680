//! The distribution's packages: says which are missing, and installs just those.

use std::path::Path;
use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::process;

/// What base images are made and served with.
pub(crate) const BASES: &[&str] = &[
    "busybox-static",
    "ca-certificates",
    "debian-archive-keyring",
    "debootstrap",
    "docker-registry",
    "python3",
];

/// What the tests compare with: independent tools.
pub(crate) const TESTS: &[&str] = &[
    "attr",
    "bsdutils",
    "bzip2",
    "git",
    "iproute2",
    "passt",
    "patch",
    "runc",
    "shellcheck",
    "skopeo",
    "slirp4netns",
    "uidmap",
    "umoci",
    "xz-utils",
    "zstd",
];

/// What environments of `venv` are made with.
pub(crate) const PYTHON: &[&str] = &["python3", "python3-venv"];

/// What another kernel is started with.
pub(crate) const MACHINE: &[&str] = &["busybox-static", "cpio", "e2fsprogs", "qemu-system-x86"];

/// What is measured beside Lapstrake, and the file system that both are measured on.
pub(crate) const BENCH: &[&str] =
    &["bubblewrap", "buildah", "crun", "e2fsprogs", "mount", "runc", "skopeo"];

/// Installs those of the packages that are not there yet.
///
/// # Errors
/// When something is missing and this is not Debian, or the user is not root, or apt-get fails.
pub(crate) fn ensure(packages: &[&str]) -> Outcome<()> {
    if process::locate("dpkg-query").is_none() || process::locate("apt-get").is_none() {
        return Err(Failure::Missing {
            what: "this is neither Debian nor a derivative of it: there is no apt-get".into(),
            hint: format!(
                "run it in a Debian container or machine; it needs {}",
                packages.join(" ")
            ),
        });
    }
    let missing: Vec<&str> = packages.iter().copied().filter(|name| !is_installed(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    require_root(&format!("apt-get install -y {}", missing.join(" ")))?;
    println!("installing {}", missing.join(" "));
    if install(&missing).is_err() {
        update()?;
        install(&missing)?;
    }
    Ok(())
}

/// Fetches the lists of packages anew.
///
/// # Errors
/// When apt-get fails.
pub(crate) fn update() -> Outcome<()> {
    process::quiet(apt_get().args(["update", "-q"]))
}

/// # Errors
/// When the user is not root; the hint names what root would have done.
pub(crate) fn require_root(deed: &str) -> Outcome<()> {
    if effective_user() == Some(0) {
        return Ok(());
    }
    Err(Failure::Missing {
        what: "this needs root".into(),
        hint: format!("run it as root, for: {deed}"),
    })
}

fn is_installed(package: &str) -> bool {
    let status = process::capture(Command::new("dpkg-query").args([
        "-W",
        "-f",
        "${db:Status-Status}",
        package,
    ]));
    status.is_ok_and(|text| text.trim() == "installed")
}

fn install(packages: &[&str]) -> Outcome<()> {
    process::quiet(
        apt_get().args(["install", "-y", "-q", "--no-install-recommends"]).args(packages),
    )
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn effective_user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(Path::new("/proc/self")).ok().map(|folder| folder.uid())
}
