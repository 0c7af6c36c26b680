//! `--step`: what a step that failed had begun with.

use lapstrake_cache::{Beginning, Store};
use lapstrake_oci::{Config, ImageConfig, Platform};

use crate::failure::Failure;
use crate::images::Runnable;

/// What is run where no command is given.
const SHELL: &str = "/bin/sh";

/// The beginning of the step whose key begins like this. The caller holds a lease.
pub(super) fn runnable(store: &Store, key: &str) -> Result<Runnable, Failure> {
    let beginning = find(store, key)?;
    let gone = || {
        Failure::new(format!("the files that the step {key} had begun with are gone"))
            .help("build again: what can be had of them is made again")
    };
    let mut lower = vec![store.stubs()];
    for layer in &beginning.layers {
        let here = store.locate(layer)?.ok_or_else(gone)?;
        lower.push(store.layer_path(&here));
    }
    let env = beginning.env.iter().map(|(name, value)| format!("{name}={value}"));
    let config = Config {
        env: env.collect(),
        working_dir: beginning.cwd,
        user: beginning.user,
        cmd: vec![SHELL.to_owned()],
        ..Config::default()
    };
    let host = Platform::host();
    let config = ImageConfig {
        architecture: host.architecture,
        os: host.os,
        config,
        ..ImageConfig::default()
    };
    Ok(Runnable { config, lower })
}

fn find(store: &Store, key: &str) -> Result<Beginning, Failure> {
    let mut found: Vec<Beginning> =
        store.logs()?.into_iter().filter_map(|log| log.failed).collect();
    found.retain(|beginning| beginning.key.to_string().starts_with(key));
    found.sort_by_key(|beginning| beginning.key);
    found.dedup_by_key(|beginning| beginning.key);
    match found.len() {
        0 => Err(Failure::new(format!("no step with the key {key} has failed"))
            .help("the error of a build says the key; those of the last 100 builds are known")),
        1 => found.pop().ok_or_else(|| Failure::new("there is no step")),
        _ => Err(Failure::new(format!("several steps that failed have a key like {key}"))
            .help("write more of it")),
    }
}
