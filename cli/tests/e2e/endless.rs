//! Files that have no end are refused, wherever the user or the machine names one.

use std::os::unix::fs::symlink;

use crate::support::{Context, Store, scratch};

/// With two gigabytes of addresses, of which the program itself takes little.
fn refused(store: &Store, variables: &[&str], arguments: &[&str], words: &[&str]) {
    let starter = [&["prlimit", "--as=2147483648", "env"], variables].concat();
    let answer = store.answer_behind(&starter, arguments);
    assert!(matches!(answer.code, Some(1 | 125)), "{:?}: {}", answer.code, answer.stderr);
    answer.says(words);
}

#[test]
fn a_device_is_no_file() {
    let store = Store::new();
    store.ok(&["pull", "busybox"]);
    let run = ["run", "--rm", "--env-file", "/dev/zero", "busybox", "true"];
    refused(&store, &[], &run, &["cannot read /dev/zero", "it is larger than 16 MiB"]);

    let context = Context::new("FROM busybox\n");
    let path = context.path().to_str().expect("a path");
    let file = ["build", "-f", "/dev/zero", path];
    refused(&store, &[], &file, &["cannot read /dev/zero", "it is larger than 16 MiB"]);
    let secret = ["build", "--secret", "id=s,src=/dev/zero", path];
    refused(&store, &[], &secret, &["the secret s has more than 500 KiB"]);
    let key = ["build", "--ssh", "default=/dev/zero", path];
    refused(&store, &[], &key, &["cannot read the ssh key /dev/zero", "it is larger than 100 KiB"]);
    symlink("/dev/zero", context.path().join("Dockerfile.dockerignore")).expect("make a link");
    refused(&store, &[], &["build", path], &["Dockerfile.dockerignore is not a regular file"]);
}

#[test]
fn a_configuration_without_an_end_is_refused() {
    let store = Store::new();
    let folder = scratch();
    for name in ["config.json", "lap.toml"] {
        symlink("/dev/zero", folder.path().join(name)).expect("make a link");
    }
    let docker = format!("DOCKER_CONFIG={}", folder.path().display());
    refused(
        &store,
        &[&docker],
        &["logout", "localhost:1"],
        &["cannot read /dev/zero", "larger than 16 MiB"],
    );
    let own = format!("LAPSTRAKE_CONFIG={}/lap.toml", folder.path().display());
    refused(&store, &[&own], &["pull", "busybox"], &["lap.toml", "larger than 16 MiB"]);
}

/// No variable of a process can hold a NUL byte (POSIX, 8.1).
#[test]
fn a_file_of_variables_with_a_nul_byte_is_refused() {
    let store = Store::new();
    let context = Context::new("FROM busybox\n").file("variables", "A=1\n# b\nC=x\0y\n");
    let path = context.path().join("variables");
    let path = path.to_str().expect("a path");
    store
        .answer(&["run", "--rm", "--env-file", path, "busybox", "true"])
        .ends_with(125)
        .says(&[&format!("{path}:3: there is a NUL byte")]);
}
