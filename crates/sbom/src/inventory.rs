//! Packages that were found, and where they may be found.

use std::collections::BTreeSet;

use crate::{language, rpm, system};

/// Files that are longer, in bytes, are not read.
pub const MAX_FILE: u64 = 256 << 20;
/// The most packages of an image.
const MAX_PACKAGES: usize = 200_000;
/// The longest field that is kept, in bytes.
const MAX_FIELD: usize = 4096;

/// Why a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// The name and version of the distribution.
    Distribution,
    /// dpkg's list.
    Dpkg,
    /// apk's list.
    Apk,
    /// rpm's database.
    Rpm,
    /// A package of Python.
    Python,
    /// A package of Node.
    Npm,
    /// What cargo built a program from.
    Cargo,
    /// A package of Ruby.
    Gem,
}

impl Interest {
    /// What the file at `path`, from the root without a slash in front, is read for.
    pub fn of(path: &str) -> Option<Self> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Some(match path {
            "etc/os-release" | "usr/lib/os-release" => Self::Distribution,
            "var/lib/dpkg/status" => Self::Dpkg,
            "lib/apk/db/installed" | "usr/lib/apk/db/installed" => Self::Apk,
            "var/lib/rpm/rpmdb.sqlite"
            | "usr/lib/sysimage/rpm/rpmdb.sqlite"
            | "usr/share/rpm/rpmdb.sqlite"
            | "var/lib/rpm/Packages.db"
            | "usr/lib/sysimage/rpm/Packages.db" => Self::Rpm,
            // How images without a shell have it.
            _ if folder == "var/lib/dpkg/status.d" && !name.ends_with(".md5sums") => Self::Dpkg,
            _ if name == "METADATA" && folder.ends_with(".dist-info") => Self::Python,
            _ if name == "PKG-INFO" && folder.ends_with(".egg-info") => Self::Python,
            _ if name == "package.json" && is_node_module(folder) => Self::Npm,
            _ if name == "Cargo.lock" => Self::Cargo,
            _ if name.ends_with(".gemspec") && is_gem_folder(folder) => Self::Gem,
            _ => return None,
        })
    }
}

/// Whether a folder is that of a package: `node_modules/NAME` or `node_modules/@SCOPE/NAME`.
fn is_node_module(folder: &str) -> bool {
    let mut parts = folder.rsplit('/').skip(1);
    match parts.next() {
        Some("node_modules") => true,
        Some(scope) if scope.starts_with('@') => parts.next() == Some("node_modules"),
        _ => false,
    }
}

/// Whether a folder is one in which RubyGems keeps what it has installed, or brings along.
fn is_gem_folder(folder: &str) -> bool {
    let folder = folder.strip_suffix("/default").unwrap_or(folder);
    folder.ends_with("/specifications")
}

/// A package that is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// The package URL's type: `deb`, `apk`, `rpm`, `pypi`, `npm`, `cargo`, `gem`.
    pub kind: &'static str,
    /// Its name, with its scope.
    pub name: String,
    /// Its version, with epoch and release.
    pub version: String,
    /// What machine it is for; empty where that is not said.
    pub architecture: String,
    /// Its licence, as its maker spelled it.
    pub license: String,
    /// The file that says so.
    pub found_in: String,
}

/// What is in an image.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    pub(crate) packages: BTreeSet<Package>,
    /// `ID` and `VERSION_ID` of os-release.
    pub(crate) distribution: Option<(String, String)>,
}

impl Inventory {
    /// Reads a file that is of interest. What is damaged in it is left out.
    pub fn read(&mut self, interest: Interest, path: &str, bytes: &[u8]) {
        let text = || String::from_utf8_lossy(bytes);
        let found = match interest {
            Interest::Distribution => {
                self.distribution =
                    self.distribution.take().or_else(|| system::distribution(&text()));
                return;
            }
            Interest::Dpkg => system::dpkg(&text()),
            Interest::Apk => system::apk(&text()),
            Interest::Rpm => rpm::packages(bytes),
            Interest::Python => language::python(&text()).into_iter().collect(),
            Interest::Npm => language::npm(bytes).into_iter().collect(),
            Interest::Cargo => language::cargo(&text()),
            Interest::Gem => language::gem(&text()).into_iter().collect(),
        };
        let room = MAX_PACKAGES.saturating_sub(self.packages.len());
        let whole = found.into_iter().filter(Package::is_whole).take(room);
        let placed = whole.map(|package| Package { found_in: path.to_owned(), ..package });
        self.packages.extend(placed);
    }

    /// What was found, in the order of kinds, names and versions.
    pub fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter()
    }
}

impl Package {
    fn is_whole(&self) -> bool {
        let fields = [&self.name, &self.version, &self.architecture, &self.license];
        !self.name.is_empty() && fields.iter().all(|field| field.len() <= MAX_FIELD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_interest() {
        for (path, interest) in [
            ("var/lib/dpkg/status", Some(Interest::Dpkg)),
            ("var/lib/dpkg/status.d/base", Some(Interest::Dpkg)),
            ("var/lib/dpkg/status.d/base.md5sums", None),
            ("lib/apk/db/installed", Some(Interest::Apk)),
            ("usr/lib/sysimage/rpm/rpmdb.sqlite", Some(Interest::Rpm)),
            ("usr/lib/sysimage/rpm/Packages.db", Some(Interest::Rpm)),
            ("usr/lib/python3/dist-packages/a-1.dist-info/METADATA", Some(Interest::Python)),
            ("app/node_modules/a/package.json", Some(Interest::Npm)),
            ("app/node_modules/@s/a/package.json", Some(Interest::Npm)),
            ("app/node_modules/a/lib/package.json", None),
            ("app/package.json", None),
            ("srv/Cargo.lock", Some(Interest::Cargo)),
            ("usr/local/bundle/specifications/puma-6.4.2.gemspec", Some(Interest::Gem)),
            (
                "usr/lib/ruby/gems/3.3.0/specifications/default/json-2.9.1.gemspec",
                Some(Interest::Gem),
            ),
            ("usr/local/bundle/gems/puma-6.4.2/puma.gemspec", None),
            ("etc/passwd", None),
        ] {
            assert_eq!(Interest::of(path), interest, "{path}");
        }
    }

    #[test]
    fn what_is_too_long_or_has_no_name_is_left_out() {
        let mut inventory = Inventory::default();
        let long = "x".repeat(MAX_FIELD + 1);
        let text = format!("P:{long}\nV:1\n\nV:2\n\nP:good\nV:3\n");
        inventory.read(Interest::Apk, "lib/apk/db/installed", text.as_bytes());
        let names: Vec<&str> = inventory.packages().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["good"]);
    }
}
