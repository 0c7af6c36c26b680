//! The lists of dpkg and apk, and the name of the distribution.

use crate::Package;

/// `ID` and `VERSION_ID` (os-release(5)).
pub(crate) fn distribution(text: &str) -> Option<(String, String)> {
    let value = |key: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        value.map(|value| value.trim_matches(['"', '\'']).to_owned())
    };
    Some((value("ID")?, value("VERSION_ID").unwrap_or_default()))
}

/// The packages of `/var/lib/dpkg/status` (deb-control(5)): those that are installed. A list without
/// states, as of images that dpkg never ran in, has only such.
pub(crate) fn dpkg(text: &str) -> Vec<Package> {
    let stanza = |stanza: &str| {
        let field = |name: &str| {
            let value = stanza.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then_some(value.trim())
            });
            value.unwrap_or_default().to_owned()
        };
        let state = field("Status");
        (state.is_empty() || state.ends_with(" installed")).then(|| Package {
            kind: "deb",
            name: field("Package"),
            version: field("Version"),
            architecture: field("Architecture"),
            ..Package::default()
        })
    };
    text.split("\n\n").filter_map(stanza).collect()
}

/// The packages of `/lib/apk/db/installed` (apk-v2(5)).
pub(crate) fn apk(text: &str) -> Vec<Package> {
    let stanza = |stanza: &str| {
        let field = |name: char| {
            let value = stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.unwrap_or_default().to_owned()
        };
        Package {
            kind: "apk",
            name: field('P'),
            version: field('V'),
            architecture: field('A'),
            license: field('L'),
            ..Package::default()
        }
    };
    text.split("\n\n").map(stanza).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dpkg_lists_what_is_installed() {
        let text = "Package: base-files\nStatus: install ok installed\nArchitecture: amd64\n\
                    Version: 12.4+deb12u5\nDescription: base\n Package: not this\n\n\
                    Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
                    Package: bare\nVersion: 2:1.0-1\n";
        let found: Vec<_> =
            dpkg(text).into_iter().map(|package| (package.name, package.version)).collect();
        let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(found, [pair("base-files", "12.4+deb12u5"), pair("bare", "2:1.0-1")]);
    }

    #[test]
    fn apk_lists_with_letters() {
        let text =
            "C:Q1x=\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\nF:lib\nR:ld.so\n\nP:zlib\nV:1-r0\n";
        let found = apk(text);
        assert_eq!((found[0].name.as_str(), found[0].license.as_str()), ("musl", "MIT"));
        assert_eq!((found[1].name.as_str(), found[1].version.as_str()), ("zlib", "1-r0"));
    }

    #[test]
    fn distributions() {
        let text = "PRETTY_NAME=\"Debian 12\"\nVERSION_ID=\"12\"\nID=debian\n";
        assert_eq!(distribution(text), Some(("debian".to_owned(), "12".to_owned())));
        assert_eq!(distribution("NAME=x\n"), None);
    }
}
