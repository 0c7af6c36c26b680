//! What the command line gives to RUN: permissions, limits and secrets.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use lapstrake_solver::graph::Limit;
use lapstrake_solver::lower::{Entitlement, RunOptions};
use lapstrake_source::Secrets;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::args::{Allow, Build, BuildNetwork, Secret, SecretSource, Ulimit};
use crate::environment::exact;
use crate::failure::Failure;

/// A secret may have this many bytes, as in BuildKit.
const LARGEST: u64 = 500 << 10;

/// Where devices are described for CDI.
const DEVICES: [&str; 2] = ["/etc/cdi", "/var/run/cdi"];

/// What RUN may do. Who asks for the host's network on the command line allows it, too.
pub(super) fn options(build: &Build) -> RunOptions {
    let allowed = build.step.allowed.iter().filter_map(|allow| match allow {
        Allow::NetworkHost => Some(Entitlement::NetworkHost),
        Allow::SecurityInsecure => Some(Entitlement::SecurityInsecure),
        Allow::Device => None,
    });
    let by_network = (build.network == BuildNetwork::Host).then_some(Entitlement::NetworkHost);
    let limit = |limit: &Ulimit| Limit {
        name: limit.resource.name().to_owned(),
        soft: limit.soft,
        hard: limit.hard,
    };
    RunOptions {
        allowed: allowed.chain(by_network).collect(),
        limits: build.step.limits.iter().map(limit).collect(),
        shm_size: build.step.shm_size.map(|size| size.0),
        has_devices: DEVICES.iter().any(|folder| describes_devices(Path::new(folder))),
    }
}

fn describes_devices(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut extensions = entries.filter_map(|entry| Some(entry.path().extension()?.to_owned()));
    extensions.any(|extension| extension == "json" || extension == "yaml" || extension == "yml")
}

/// Reads the secrets; of several with one id the last counts.
pub(super) fn secrets(flags: &[Secret]) -> Result<Secrets, Failure> {
    let mut secrets = Secrets::default();
    if !flags.is_empty() {
        // What a crash writes of this process would hold them, often into the next build's context. It can only
        // fail for want of such a call.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    for Secret { id, source, counts } in flags {
        let value = match source {
            SecretSource::File(path) => read(id, path)?,
            // As in BuildKit, a variable that is not set is empty.
            SecretSource::Variable(name) => exact(name).unwrap_or_default().into_vec(),
            SecretSource::Either => match exact(id) {
                Some(value) => value.into_vec(),
                None => read(id, Path::new(id))?,
            },
        };
        if value.len() as u64 > LARGEST {
            return Err(Failure::new(format!("the secret {id} has more than 500 KiB")));
        }
        secrets.insert(id.clone(), value);
        if *counts {
            secrets.count(id.clone());
        }
    }
    Ok(secrets)
}

fn read(id: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut value = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut value)).map_err(
        |error| {
            Failure::new(format!("cannot read the secret {id} from {}", path.display()))
                .because(&error)
                .help(format!("write --secret id={id},src=FILE or id={id},env=VARIABLE"))
        },
    )?;
    Ok(value)
}
