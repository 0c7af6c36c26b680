//! The static binary on another kernel: the distribution's, in a virtual machine that has control groups of
//! version 2 alone. Nothing of it needs the processor's help, so it runs wherever the other tests do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bases::Bases;
use crate::binary;
use crate::debian;
use crate::failure::{Failure, Outcome, Subject, wrong};
use crate::process;
use crate::project::Project;
use crate::scratch::Scratch;

/// The package that depends on the newest kernel for virtual machines.
const KERNEL: &str = "linux-image-cloud-amd64";

/// What of the kernel is no part of it.
const MODULES: [&str; 7] = [
    "virtio",
    "virtio_ring",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_blk",
    "overlay",
];

/// Seconds after which the machine counts as stuck.
const LIMIT: &str = "300";

/// What `guest` says when all cases were run.
const END: &str = "the end";

/// Runs the cases of `testdata/kernel` and prints what they say.
///
/// # Errors
/// When a case fails, none was run, or the machine ends early.
pub(crate) fn run(project: &Project, bases: &Bases) -> Outcome<()> {
    if std::env::consts::ARCH != "x86_64" {
        return Err(Failure::Missing {
            what: "the kernel that this starts is for x86_64".into(),
            hint: "leave it out: --only takes each other step".into(),
        });
    }
    debian::ensure(debian::MACHINE)?;
    let lap = binary::release(project)?;
    let kernel = kernel(project)?;
    let scratch = Scratch::new(project, "kernel")?;
    fill(&scratch.join("root"), project, bases, &kernel, &lap)?;
    let (image, disk) = (scratch.join("initrd"), scratch.join("disk"));
    shell(
        "cd \"$1\" && find . | cpio -o -H newc --quiet | gzip -1 > \"$2\"",
        &[&scratch.join("root"), &image],
    )?;
    shell("truncate -s 2G \"$1\" && mkfs.ext4 -q \"$1\"", &[&disk])?;
    let said = start(&found(&kernel, "vmlinuz-")?, &image, &disk)?;
    judge(&said)
}

fn judge(said: &str) -> Outcome<()> {
    let lines = said.lines().skip_while(|line| !line.contains("kernel "));
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with('[')).collect();
    println!("{}", lines.join("\n"));
    let passed = lines.iter().filter(|line| line.starts_with("ok ")).count();
    let failed = lines.iter().filter(|line| line.starts_with("FAILED ")).count();
    match lines.contains(&END) && failed == 0 && passed > 0 {
        true => Ok(()),
        false => Err(wrong("the other kernel", format!("{passed} cases passed, {failed} failed"))),
    }
}

/// Makes what the machine starts with: busybox, `lap`, an image, the cases.
fn fill(root: &Path, project: &Project, bases: &Bases, kernel: &Path, lap: &Path) -> Outcome<()> {
    for name in ["bin", "etc", "lib/modules"] {
        let folder = root.join(name);
        fs::create_dir_all(&folder).on("create", &folder)?;
    }
    let copy = |from: &Path, to: &str| {
        let to = root.join(to);
        fs::copy(from, &to).map(drop).on("copy", from)
    };
    let busybox = process::locate("busybox");
    copy(&busybox.ok_or_else(|| wrong("busybox", "is not there"))?, "bin/busybox")?;
    std::os::unix::fs::symlink("busybox", root.join("bin/sh")).on("link", &root.join("bin/sh"))?;
    copy(lap, "bin/lap")?;
    for name in ["init", "guest", "cases.sh"] {
        copy(&project.testdata("kernel").join(name), name)?;
    }
    // Those that are part of this kernel are no files.
    for name in MODULES {
        let file = format!("{name}.ko");
        if let Ok(module) = found(kernel, &file) {
            copy(&module, &format!("lib/modules/{file}"))?;
        }
    }
    let users = [
        ("passwd", "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n"),
        ("group", "root:x:0:\nuser:x:1000:\n"),
    ];
    for (name, text) in users {
        let path = root.join("etc").join(name);
        fs::write(&path, text).on("write", &path)?;
    }
    let layout = bases.folder().join("oci/busybox");
    shell("tar -C \"$1\" -cf \"$2\" .", &[&layout, &root.join("image.tar")])
}

/// The kernel and its modules; asks for the newest list of packages when the one at hand is missing, or names
/// a kernel that is gone.
fn kernel(project: &Project) -> Outcome<PathBuf> {
    unpacked_kernel(project).or_else(|_| {
        debian::update()?;
        unpacked_kernel(project)
    })
}

/// The kernel and its modules, as their package has them, in a folder of the build folder.
fn unpacked_kernel(project: &Project) -> Outcome<PathBuf> {
    let about = process::capture(Command::new("apt-cache").args(["depends", KERNEL]))?;
    let package = about.lines().find_map(|line| line.trim().strip_prefix("Depends: "));
    let package = package.ok_or_else(|| wrong(KERNEL, "depends on no kernel"))?;
    let folder = project.target().join("kernel").join(package);
    if folder.join("boot").is_dir() {
        return Ok(folder);
    }
    let scratch = Scratch::new(project, "download")?;
    process::quiet(
        Command::new("apt-get").args(["download", "-q", package]).current_dir(scratch.path()),
    )?;
    // In place at once: one that is there is whole.
    shell(
        "dpkg-deb -x \"$1\"/*.deb \"$1/whole\" && mkdir -p \"$2\" && rm -rf \"$3\" && mv \"$1/whole\" \"$3\"",
        &[scratch.path(), &project.target().join("kernel"), &folder],
    )?;
    Ok(folder)
}

/// The file below `folder` whose name begins like this.
fn found(folder: &Path, name: &str) -> Outcome<PathBuf> {
    let mut find = Command::new("find");
    find.arg(folder).args(["-type", "f", "-name", &format!("{name}*")]);
    let list = process::capture(&mut find)?;
    let first = list.lines().next().map(PathBuf::from);
    first.ok_or_else(|| wrong(folder.display().to_string(), format!("has no {name}")))
}

/// Starts the machine; returns what it wrote to its console until it switched itself off.
fn start(kernel: &Path, image: &Path, disk: &Path) -> Outcome<String> {
    let mut machine = Command::new("timeout");
    machine.args([LIMIT, "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max"]);
    machine.args(["-m", "1500", "-smp", "2", "-nographic", "-no-reboot"]);
    machine.arg("-kernel").arg(kernel).arg("-initrd").arg(image);
    machine.arg("-drive").arg(format!("file={},if=virtio,format=raw", disk.display()));
    machine.args(["-append", "console=ttyS0 loglevel=0 panic=-1 mitigations=off"]);
    process::capture(&mut machine)
}

fn shell(script: &str, arguments: &[&Path]) -> Outcome<()> {
    process::quiet(Command::new("sh").args(["-euc", script, "sh"]).args(arguments))
}
