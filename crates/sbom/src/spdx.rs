//! The document: SPDX 2.3 in JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{Inventory, Package};

const NOTHING: &str = "NOASSERTION";
const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const IMAGE: &str = "SPDXRef-Image";

impl Inventory {
    /// The document about the image called `name`, made at `created` (RFC 3339, to the second, UTC).
    /// The same inventory gives the same document.
    pub fn spdx(&self, name: &str, created: &str) -> Value {
        let mut packages = vec![json!({
            "SPDXID": IMAGE,
            "name": name,
            "downloadLocation": NOTHING,
            "filesAnalyzed": false,
            "licenseConcluded": NOTHING,
            "licenseDeclared": NOTHING,
            "copyrightText": NOTHING,
            "primaryPackagePurpose": "CONTAINER",
        })];
        let mut relationships = vec![related(DOCUMENT, "DESCRIBES", IMAGE)];
        for (index, package) in self.packages.iter().enumerate() {
            let id = format!("SPDXRef-Package-{}-{index}", package.kind);
            relationships.push(related(IMAGE, "CONTAINS", &id));
            packages.push(self.package(package, &id));
        }
        let content = json!([name, created, packages]).to_string();
        let unique = blake3::hash(content.as_bytes()).to_hex();
        json!({
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": DOCUMENT,
            "name": name,
            "documentNamespace": format!("https://spdx.org/spdxdocs/lapstrake-{unique}"),
            "creationInfo": {
                "created": created,
                "creators": [format!("Tool: lapstrake-{}", env!("CARGO_PKG_VERSION"))],
            },
            "packages": packages,
            "relationships": relationships,
        })
    }

    fn package(&self, package: &Package, id: &str) -> Value {
        let mut value = json!({
            "SPDXID": id,
            "name": package.name,
            "versionInfo": package.version,
            "downloadLocation": NOTHING,
            "filesAnalyzed": false,
            "licenseConcluded": NOTHING,
            "licenseDeclared": NOTHING,
            "copyrightText": NOTHING,
            "sourceInfo": format!("found in /{}", package.found_in),
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": self.package_url(package),
            }],
        });
        if !package.license.is_empty() {
            // Makers spell licences in many ways, and a field for them takes SPDX's alone.
            value["licenseComments"] = json!(format!("as the package says: {}", package.license));
        }
        value
    }

    /// The package URL (purl specification).
    fn package_url(&self, package: &Package) -> String {
        let (namespace, version) = match (&self.distribution, package.kind) {
            (Some((id, version)), "deb" | "apk" | "rpm") => (id.as_str(), version.as_str()),
            _ => ("", ""),
        };
        let mut url = format!("pkg:{}/", package.kind);
        let name = match package.kind {
            "pypi" => package.name.to_ascii_lowercase().replace('_', "-"),
            _ => package.name.clone(),
        };
        for part in namespace.split('/').chain(name.split('/')).filter(|part| !part.is_empty()) {
            if !url.ends_with('/') {
                url.push('/');
            }
            escape(part, &mut url);
        }
        if !package.version.is_empty() {
            url.push('@');
            escape(&package.version, &mut url);
        }
        let mut qualifiers = Vec::new();
        if !package.architecture.is_empty() {
            qualifiers.push(("arch", package.architecture.clone()));
        }
        if !namespace.is_empty() {
            let name = if version.is_empty() {
                namespace.into()
            } else {
                format!("{namespace}-{version}")
            };
            qualifiers.push(("distro", name));
        }
        for (index, (key, value)) in qualifiers.iter().enumerate() {
            url.push_str(if index == 0 { "?" } else { "&" });
            url.push_str(key);
            url.push('=');
            escape(value, &mut url);
        }
        url
    }
}

/// All but letters, digits and `-._~` as percent signs with two digits; colons stay.
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' | b':' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            // Writing to a string does not fail.
            byte => drop(write!(out, "%{byte:02X}")),
        }
    }
}

fn related(from: &str, how: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": how, "relatedSpdxElement": to })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interest;

    /// Spelled as the purl specification's own examples are.
    #[test]
    fn package_urls() {
        let mut inventory = Inventory::default();
        inventory.read(Interest::Distribution, "etc/os-release", b"ID=debian\nVERSION_ID=12\n");
        let url = |kind, name: &str, version: &str, architecture: &str| {
            let text = str::to_owned;
            inventory.package_url(&Package {
                kind,
                name: text(name),
                version: text(version),
                architecture: text(architecture),
                ..Package::default()
            })
        };
        assert_eq!(
            url("deb", "curl", "7.50.3-1", "i386"),
            "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=debian-12"
        );
        assert_eq!(
            url("npm", "@angular/animation", "12.3.1", ""),
            "pkg:npm/%40angular/animation@12.3.1"
        );
        assert_eq!(url("pypi", "Django_x", "1.11.1", ""), "pkg:pypi/django-x@1.11.1");
        assert_eq!(url("cargo", "rand", "0.7.2", ""), "pkg:cargo/rand@0.7.2");
    }

    #[test]
    fn a_document_names_what_it_has_found() {
        let mut inventory = Inventory::default();
        inventory.read(Interest::Apk, "lib/apk/db/installed", b"P:musl\nV:1\nA:x86_64\nL:MIT\n");
        let document = inventory.spdx("app", "2023-11-14T22:13:20Z");
        assert_eq!(document, inventory.spdx("app", "2023-11-14T22:13:20Z"));
        assert_eq!(document["packages"][1]["name"], "musl");
        assert_eq!(document["packages"][1]["sourceInfo"], "found in /lib/apk/db/installed");
        assert_eq!(document["relationships"][1]["relatedSpdxElement"], "SPDXRef-Package-apk-0");
    }
}
