//! How an image came to be, as SLSA's provenance (version 1), with the fields that BuildKit gives.

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use lapstrake_image::{Attestation, package_url};
use lapstrake_oci::Platform;
use lapstrake_solver::image::Place;
use serde_json::{Map, Value, json};

use super::steps::Steps;
use crate::args::{Build, Provenance};
use crate::fetcher::Used;

pub(super) const KIND: &str = "https://slsa.dev/provenance/v1";
/// What the parameters mean is written there.
const BUILD_TYPE: &str =
    "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md";

/// What is known of a build when it is over.
pub(super) struct Evidence {
    pub(super) started: SystemTime,
    /// The Dockerfile's name and content.
    pub(super) dockerfile: (String, Vec<u8>),
    /// Base images.
    pub(super) used: Vec<Used>,
    /// What was done, where it is to be told.
    pub(super) steps: Option<Steps>,
}

/// What is said about the images for these platforms.
pub(super) fn provenance(
    told: &Provenance,
    build: &Build,
    evidence: &Evidence,
    platforms: &[Platform],
) -> Vec<Attestation> {
    let said = |platform: &Platform| Attestation {
        platform: platform.clone(),
        predicate_type: KIND.to_owned(),
        predicate: predicate(told, build, evidence, platform),
    };
    platforms.iter().map(said).collect()
}

fn predicate(told: &Provenance, build: &Build, evidence: &Evidence, platform: &Platform) -> Value {
    let mut metadata = Map::new();
    metadata.insert("startedOn".into(), json!(time(evidence.started)));
    metadata.insert("finishedOn".into(), json!(time(SystemTime::now())));
    // Remote sources of ADD and the content of local contexts are not among the dependencies.
    let completeness = json!({ "request": told.is_full, "resolvedDependencies": false });
    metadata.insert("buildkit_completeness".into(), completeness);
    metadata.insert("buildkit_reproducible".into(), json!(told.is_reproducible));
    if told.is_full {
        metadata.insert("buildkit_metadata".into(), json!({ "source": source(evidence) }));
    }
    json!({
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "configSource": { "path": evidence.dockerfile.0 },
                "request": {
                    "frontend": "dockerfile.v0",
                    "args": arguments(told, build),
                    "locals": [{ "name": "context" }, { "name": "dockerfile" }],
                },
            },
            "internalParameters": internal(evidence),
            "resolvedDependencies": dependencies(evidence, platform),
        },
        "runDetails": {
            "builder": { "id": told.builder.as_deref().unwrap_or_default() },
            "metadata": metadata,
        },
    })
}

/// Where it was done, and in full also what.
fn internal(evidence: &Evidence) -> Value {
    let platform = Platform::host().to_string();
    match &evidence.steps {
        Some(steps) => json!({ "builderPlatform": platform, "buildConfig": steps.config }),
        None => json!({ "builderPlatform": platform }),
    }
}

/// What was asked for, in BuildKit's words; the values of arguments and labels only in full.
fn arguments(told: &Provenance, build: &Build) -> Map<String, Value> {
    let mut arguments = Map::new();
    if let Some(target) = &build.target {
        arguments.insert("target".into(), json!(target));
    }
    if told.is_full {
        let values = [("build-arg", &build.arguments), ("label", &build.labels)];
        for (kind, given) in values {
            for assignment in given {
                let value = assignment.value.as_deref().unwrap_or_default();
                arguments.insert(format!("{kind}:{}", assignment.name), json!(value));
            }
        }
    }
    arguments
}

/// The base images for a platform, and those that other stages of it ran on.
fn dependencies(evidence: &Evidence, platform: &Platform) -> Vec<Value> {
    let mut seen = Vec::new();
    for Used { name, digest } in &evidence.used {
        let Place::Registry(reference) = &name.place else { continue };
        let is_for_it = name.platform == platform.normalized();
        if is_for_it || name.platform == Platform::host().normalized() {
            let uri = package_url(reference, Some(&name.platform));
            seen.push((uri, digest.hex()));
        }
    }
    seen.sort();
    seen.dedup();
    let material = |(uri, digest)| json!({ "uri": uri, "digest": { "sha256": digest } });
    seen.into_iter().map(material).collect()
}

fn source(evidence: &Evidence) -> Value {
    let (name, content) = &evidence.dockerfile;
    let data = BASE64_STANDARD.encode(content);
    let locations = evidence.steps.as_ref().map(|steps| &steps.locations);
    json!({
        "infos": [{ "filename": name, "language": "Dockerfile", "data": data }],
        "locations": locations,
    })
}

/// In RFC 3339, to the second.
fn time(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    rfc3339(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// A time in seconds since 1970.
pub(super) fn rfc3339(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// This moment, in seconds since 1970.
pub(super) fn now() -> i64 {
    Timestamp::now().as_second()
}
