//! Images for other machines, and for several at once.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{Context, Store, registry_address, scratch, text, tool};

/// Nothing runs, so that it can be built for any machine.
fn portable() -> Context {
    Context::new("FROM scratch\nARG TARGETARCH\nCOPY for-$TARGETARCH /for\n")
        .file("for-amd64", "amd64\n")
        .file("for-arm64", "arm64\n")
        .file("for-s390x", "s390x\n")
}

fn inspected(name: &str, flags: &[&str]) -> serde_json::Value {
    let name = format!("docker://{name}");
    let raw = tool("skopeo", &[flags, &["inspect", "--tls-verify=false", &name]].concat());
    serde_json::from_str(&raw).expect("what skopeo says")
}

/// What a store's image says that it is for.
fn platform(store: &Store, name: &str) -> String {
    let inspected: serde_json::Value =
        serde_json::from_str(&store.ok(&["inspect", name])).expect("JSON");
    let word = |key: &str| inspected[0][key].as_str().unwrap_or_default().to_owned();
    format!("{}/{}", word("Os"), word("Architecture"))
}

#[test]
fn an_index_is_pushed_with_the_images_of_all_platforms() {
    let store = Store::new();
    let name = format!("{}/platforms/app-{}:1", registry_address(), std::process::id());
    let flags = ["--platform", "linux/amd64,linux/arm64", "--platform", "linux/s390x", "-t", "too"];
    store.build_with(&name, portable().path(), &flags);
    store.ok(&["push", &name]);
    let raw =
        tool("skopeo", &["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]);
    let index: serde_json::Value = serde_json::from_str(&raw).expect("an index");
    assert_eq!(index["mediaType"], "application/vnd.oci.image.index.v1+json");
    let entries = index["manifests"].as_array().expect("manifests");
    let platforms: Vec<_> =
        entries.iter().map(|entry| &entry["platform"]["architecture"]).collect();
    assert_eq!(platforms, ["amd64", "arm64", "s390x"]);
    for architecture in ["amd64", "arm64", "s390x"] {
        let image = inspected(&name, &["--override-arch", architecture]);
        assert_eq!(image["Architecture"], architecture);
    }
    // Both names stand for the index; another store picks the image that it is asked for.
    assert_eq!(store.ok(&["images", "--quiet", "too"]), store.ok(&["images", "--quiet", &name]));
    let other = Store::new();
    other.ok(&["pull", "--platform", "linux/s390x", &name]);
    assert_eq!(platform(&other, &name), "linux/s390x");
}

#[test]
fn the_image_for_one_platform_is_removed_alone() {
    let store = Store::new();
    store.build_with("app", portable().path(), &["--platform", "linux/amd64,linux/arm64"]);
    let remove = ["rmi", "--no-prune", "--platform", "linux/arm64", "app"];
    store.answer(&["rmi", "--platform", "linux/s390x", "app"]).ends_with(1).says(&["linux/arm64"]);
    store.ok(&["tag", "app", "too"]);
    store.answer(&remove).ends_with(1).says(&["too", "force"]);
    store.ok(&["rmi", "too"]);
    assert!(store.ok(&remove).starts_with("Deleted: sha256:"));
    assert_eq!(platform(&store, "app"), "linux/amd64");
    store.answer(&["inspect", "--platform", "linux/arm64", "app"]).ends_with(1);
    // The last one leaves nothing.
    store.build_with("one", portable().path(), &[]);
    store
        .answer(&["rmi", "--platform", "linux/amd64", "one"])
        .ends_with(0)
        .says(&["Untagged: one"]);
    assert!(!store.ok(&["images"]).contains("one"));
}

#[test]
fn the_default_platform_is_taken_from_the_environment() {
    let store = Store::new();
    let context = portable();
    let context = context.path().to_str().expect("a path in UTF-8");
    for (flags, expected) in [(&[][..], "s390x"), (&["--platform=linux/arm64"][..], "arm64")] {
        let mut command = store.lap(&[&["build", "-t", "app"], flags, &[context]].concat());
        let built = command.env("DOCKER_DEFAULT_PLATFORM", "linux/s390x").output();
        assert!(built.expect("run lap").status.success());
        assert_eq!(platform(&store, "app"), format!("linux/{expected}"));
    }
}

/// The kernel's own way to run programs of other machines (binfmt_misc(5)), with a stand-in for the
/// emulator that needs nothing of the image, as qemu-user-static is registered.
///
/// Only this process sees the kernel's folder; when that process ends, the emulator is gone.
struct Emulator(Child);

impl Emulator {
    /// Registers a program that says what it was asked to run, for programs of this machine number
    /// (`e_machine` of elf(5)).
    fn register(folder: &Path, machine: u8) -> Self {
        let (source, program) = (folder.join("emulator.c"), folder.join("emulator"));
        let text_of = "#include <stdio.h>\nint main(int argc, char **argv) \
             { return printf(\"emulated %s\\n\", argv[argc - 1]) < 0; }\n";
        fs::write(&source, text_of).expect("write the emulator");
        tool("cc", &["-static", "-o", &text(&program), &text(&source)]);
        let magic: String =
            elf(machine).iter().take(20).map(|byte| format!("\\x{byte:02x}")).collect();
        let name = format!("lap-test-{}", std::process::id());
        let rule = format!(":{name}:M::{magic}::{}:F", text(&program));
        let script = "mkdir -p \"$1\"; mount -t binfmt_misc none \"$1\"; \
                      printf %s \"$2\" > \"$1/register\"; echo ready; read end";
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-uc", script, "sh", &text(&folder.join("binfmt")), &rule]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("run unshare");
        let mut word = [0; 5];
        let stdout = child.stdout.as_mut().expect("its output");
        stdout.read_exact(&mut word).expect("register the emulator");
        Self(child)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("wait for the emulator's end");
    }
}

/// The header of a program for a machine, with nothing behind it.
fn elf(machine: u8) -> Vec<u8> {
    let mut header = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
    header.extend([machine, 0]);
    header.resize(64, 0);
    header
}

/// `EM_RISCV`.
const RISCV: u8 = 243;

#[test]
fn programs_of_another_machine_run_where_the_kernel_has_an_emulator() {
    let (store, folder) = (Store::new(), scratch());
    let context = Context::new("FROM scratch\nCOPY program /\nRUN [\"/program\"]\n");
    fs::write(context.path().join("program"), elf(RISCV)).expect("write a program");
    context.set_mode("program", 0o755);
    let flags = ["--platform", "linux/riscv64"];
    let emulator = Emulator::register(folder.path(), RISCV);
    store.build_with("riscv", context.path(), &flags).says(&["emulated /program"]);
    let run = ["run", "--rm", "--platform", "linux/riscv64", "riscv", "/program"];
    assert_eq!(store.ok(&run), "emulated /program");
    drop(emulator);
    store.answer(&run).ends_with(126).says(&["cannot execute /program", "qemu-user-static"]);
}

#[test]
fn a_program_of_another_machine_is_said_to_be_one() {
    // No machine runs a program of this format, whatever its kernel can emulate.
    let context = Context::new("FROM scratch\nCOPY program /\nRUN [\"/program\"]\n");
    context.write("program", "no program at all\n");
    context.set_mode("program", 0o755);
    let store = Store::new();
    let answer = store.try_build("app", context.path(), &["--platform", "linux/s390x"]);
    let answer = answer.ends_with(1);
    answer.says(&["[foreign-platform]", "linux/s390x", "qemu-user-static", "Dockerfile:3:1"]);
    let answer = store.try_build("app", context.path(), &[]).ends_with(1);
    answer.says(&["cannot execute /program", "[not-executable]"]);
}
