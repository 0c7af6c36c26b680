//! The usual spelling of systems and architectures, and which variants stand in for which. The tables
//! follow containerd's `platforms` package.

use super::host_architecture;

/// The usual spelling of an operating system; the host's for an empty one.
pub(super) fn normal_os(os: &str) -> String {
    match os.to_ascii_lowercase().as_str() {
        "" => "linux".to_owned(),
        "macos" => "darwin".to_owned(),
        other => other.to_owned(),
    }
}

/// The usual spelling of an architecture and its variant; the host's for an empty one.
pub(super) fn normal_architecture(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = (architecture.to_ascii_lowercase(), variant.to_ascii_lowercase());
    let architecture = if architecture.is_empty() { host_architecture() } else { &architecture };
    let (architecture, variant) = match (architecture, variant.as_str()) {
        ("i386", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "" | "v1") => ("amd64", ""),
        ("x86_64" | "x86-64" | "amd64", other) => ("amd64", other),
        ("aarch64" | "arm64", "" | "8" | "v8" | "v8.0") => ("arm64", ""),
        ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
        ("aarch64" | "arm64", other) => ("arm64", other),
        ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
        ("armel", _) | ("arm", "6") => ("arm", "v6"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "8") => ("arm", "v8"),
        other => other,
    };
    (architecture.to_owned(), variant.to_owned())
}

/// What serves where an architecture is wanted (both normalized), best first.
pub(super) fn compatible(architecture: &str, variant: &str) -> Vec<(String, String)> {
    let mut choices = vec![(architecture.to_owned(), variant.to_owned())];
    match architecture {
        "amd64" => {
            choices.extend(older(variant).map(|older| normal_architecture("amd64", &older)));
            choices.push(("386".to_owned(), String::new()));
        }
        "arm" => choices.extend(older_arm(variant)),
        "arm64" => {
            choices.extend(older_arm64(variant).map(|older| normal_architecture("arm64", &older)));
            choices.push(("arm".to_owned(), "v8".to_owned()));
            choices.extend(older_arm("v8"));
        }
        _ => {}
    }
    choices
}

fn older_arm(variant: &str) -> impl Iterator<Item = (String, String)> {
    older(variant).take_while(|older| older != "v4").map(|older| ("arm".to_owned(), older))
}

/// `v9.1`: `v9.0`, then `v8.6` (v9.0 has what v8.5 has) down to `v8.0`.
fn older_arm64(variant: &str) -> impl Iterator<Item = String> {
    let (major, minor) = variant.split_once('.').unwrap_or((variant, "0"));
    let minor: u8 = minor.parse().unwrap_or(0);
    let (of_9, of_8) = match major {
        "v9" => (0..minor, 0..minor.saturating_add(6)),
        "v8" => (0..0, 0..minor),
        _ => (0..0, 0..0),
    };
    let of_9 = of_9.rev().map(|minor| format!("v9.{minor}"));
    of_9.chain(of_8.rev().map(|minor| format!("v8.{minor}")))
}

/// The variants below `v3`: `v2`, `v1`. None when it is not of this form.
fn older(variant: &str) -> impl Iterator<Item = String> {
    let number = variant.strip_prefix('v').and_then(|number| number.parse::<u8>().ok());
    (1..number.unwrap_or(1)).rev().map(|number| format!("v{number}"))
}

pub(super) fn is_known_os(os: &str) -> bool {
    const KNOWN: [&str; 16] = [
        "aix",
        "android",
        "darwin",
        "dragonfly",
        "freebsd",
        "hurd",
        "illumos",
        "ios",
        "js",
        "linux",
        "netbsd",
        "openbsd",
        "plan9",
        "solaris",
        "windows",
        "zos",
    ];
    KNOWN.contains(&os)
}

pub(super) fn is_known_architecture(architecture: &str) -> bool {
    const KNOWN: [&str; 18] = [
        "386", "amd64", "arm", "arm64", "armbe", "arm64be", "loong64", "mips", "mipsle", "mips64",
        "mips64le", "ppc64", "ppc64le", "riscv64", "s390x", "sparc64", "wasm", "ppc",
    ];
    KNOWN.contains(&architecture)
}
