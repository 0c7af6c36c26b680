//! What pip, npm, cargo and gem leave.

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

/// A `.gemspec` as RubyGems writes it: in the line `# stub: NAME VERSION PLATFORM PATHS` it looks up name and version itself.
pub(crate) fn gem(text: &str) -> Option<Package> {
    let mut words = text.lines().find_map(|line| line.strip_prefix("# stub: "))?.split(' ');
    let (name, version) = (words.next()?.to_owned(), words.next()?.to_owned());
    let licenses = text.lines().find_map(|line| line.trim().strip_prefix("s.licenses = "));
    let quoted = licenses.unwrap_or_default().split('"').skip(1).step_by(2);
    let license = quoted.collect::<Vec<_>>().join(", ");
    Some(Package { kind: "gem", name, version, license, ..Package::default() })
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
        let stub = "# -*- encoding: utf-8 -*-\n# stub: puma 6.4.2 ruby lib\n# stub: ext/extconf.rb\n\n\
                    Gem::Specification.new do |s|\n  s.licenses = [\"MIT\".freeze, \"Ruby\".freeze]\nend\n";
        let found = gem(stub).expect("a gem");
        let fields = (found.name.as_str(), found.version.as_str(), found.license.as_str());
        assert_eq!(fields, ("puma", "6.4.2", "MIT, Ruby"));
        assert_eq!(gem("Gem::Specification.new"), None);
        let lock = "version = 3\n[[package]]\nname = \"serde\"\nversion = \"1.0.1\"\n\
                    dependencies = [\"a\"]\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n";
        let names: Vec<String> = cargo(lock).into_iter().map(|package| package.name).collect();
        assert_eq!(names, ["serde", "own"]);
        assert_eq!(cargo("[[package]\n"), []);
    }
}
