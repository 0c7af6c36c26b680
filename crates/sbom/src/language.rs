//! What pip, npm and cargo leave.

use serde::Deserialize;

use crate::Package;

/// A `METADATA` or `PKG-INFO` (Python's core metadata): headers, then a text.
pub(crate) fn python(text: &str) -> Option<Package> {
    let headers = text.split("\n\n").next().unwrap_or_default();
    let field = |name: &str| {
        let value = headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.map(|value| value.trim().to_owned())
    };
    Some(Package {
        kind: "pypi",
        name: field("Name")?,
        version: field("Version")?,
        license: field("License-Expression").or_else(|| field("License")).unwrap_or_default(),
        ..Package::default()
    })
}

#[derive(Deserialize)]
struct Node {
    name: String,
    version: String,
    license: Option<serde_json::Value>,
}

/// A `package.json`.
pub(crate) fn npm(bytes: &[u8]) -> Option<Package> {
    let Node { name, version, license } = serde_json::from_slice(bytes).ok()?;
    let license = license.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
    let license = license.to_owned();
    Some(Package { kind: "npm", name, version, license, ..Package::default() })
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
}

/// A `Cargo.lock`.
pub(crate) fn cargo(text: &str) -> Vec<Package> {
    let Ok(Lock { package }) = toml::from_str(text) else { return Vec::new() };
    let found = package.into_iter().map(|Locked { name, version }| Package {
        kind: "cargo",
        name,
        version,
        ..Package::default()
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language() {
        let found =
            python("Metadata-Version: 2.1\nName: Flask\nVersion: 3.0\nLicense: BSD\n\nName: no\n");
        let found = found.expect("a package");
        assert_eq!((found.name.as_str(), found.license.as_str()), ("Flask", "BSD"));
        let found = npm(br#"{"name":"@a/b","version":"1.0.0","license":"MIT"}"#).expect("one");
        assert_eq!((found.name.as_str(), found.version.as_str()), ("@a/b", "1.0.0"));
        assert_eq!(npm(b"{}"), None);
        let lock = "version = 3\n[[package]]\nname = \"serde\"\nversion = \"1.0.1\"\n\
                    dependencies = [\"a\"]\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n";
        let names: Vec<String> = cargo(lock).into_iter().map(|package| package.name).collect();
        assert_eq!(names, ["serde", "own"]);
        assert_eq!(cargo("[[package]\n"), []);
    }
}
