//! What `--cache-from` and `--cache-to` do not take, and what to write instead.

use crate::args::bucket::is_secret;

/// Which of the two flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    From,
    To,
}

/// What says how a cache is written.
const WRITING: [&str; 9] = [
    "mode",
    "compression",
    "compression-level",
    "force-compression",
    "ignore-error",
    "image-manifest",
    "oci-mediatypes",
    "reset",
    "upload_parallelism",
];

/// Why a field of a cache of this type is not taken.
pub(super) fn refused(way: Way, kind: &str, key: &str, value: &str) -> String {
    match (way, key) {
        (Way::From, key) if WRITING.contains(&key) => {
            format!("{key} says how a cache is written: leave it out of --cache-from")
        }
        (Way::From, "dest") => "a cache is read from src=DIRECTORY".into(),
        (Way::To, "src") => "a cache is written to dest=DIRECTORY".into(),
        (Way::To, "digest") => {
            "a cache is written under a tag: write tag=TAG; digest goes with --cache-from".into()
        }
        (_, "image-manifest") => {
            "a cache is always written as an image manifest, which every registry takes: leave \
             image-manifest out"
                .into()
        }
        (_, "oci-mediatypes") => {
            "a cache is always written in OCI's media types, Docker's have no place for it: leave \
             oci-mediatypes out"
                .into()
        }
        (_, "registry.insecure") => {
            "that a registry may be without TLS is said in the configuration: insecure = true under \
             [registry.\"HOST\"]"
                .into()
        }
        _ => {
            let value = if is_secret(key) { "…" } else { value };
            format!("{key}={value} is not supported{}", taken(way, kind))
        }
    }
}

/// The fields that there are.
fn taken(way: Way, kind: &str) -> String {
    let own = match (way, kind) {
        (Way::From, "local") => "src, tag and digest",
        (Way::From, "registry") => "ref",
        (Way::To, "local") => "dest, tag, reset",
        (Way::To, "registry") => "ref",
        (Way::To, "inline") => "nothing more",
        (_, "s3") => {
            "bucket, region, name, prefix, blobs_prefix, manifests_prefix, endpoint_url, \
             use_path_style, touch_refresh, access_key_id, secret_access_key, session_token"
        }
        _ => return String::new(),
    };
    let form = match (way, kind) {
        (Way::To, "local" | "registry") => {
            ", mode, compression, compression-level, force-compression and ignore-error"
        }
        (Way::To, "s3") => {
            ", upload_parallelism, mode, compression, compression-level, force-compression and \
             ignore-error"
        }
        _ => "",
    };
    format!(": type={kind} takes {own}{form}")
}
