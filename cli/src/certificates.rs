//! Certificates for registries, in the layout that Docker knows: a folder for each host, named
//! `HOST[:PORT]`, in which `*.crt` are authorities, and `NAME.cert` with `NAME.key` is shown to a
//! registry that wants to see one.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lapstrake_registry::{CertificateSource, HostCertificates};

use crate::bounded;

/// More than any certificate with all that vouch for it has.
const MAX_SIZE: u64 = 4 * 1024 * 1024;

/// A folder that cannot be used.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("cannot read {path}")]
    Read { path: String, source: io::Error },
    #[error("{path} has no {missing} beside it; authorities are called *.crt")]
    Alone { path: String, missing: String },
    #[error("{folder} has several client certificates, and one is shown")]
    Several { folder: String },
}

/// Looks into the folders, the first of which that knows a host is the one that counts, when TLS is
/// about to be spoken with it.
pub(crate) fn source(folders: Vec<PathBuf>) -> CertificateSource {
    CertificateSource::new(move |host| {
        let folders = folders.iter().map(|folder| folder.join(host));
        let found = folders.into_iter().find(|folder| folder.is_dir());
        Ok(found.map(|folder| read(&folder)).transpose()?.unwrap_or_default())
    })
}

fn read(folder: &Path) -> Result<HostCertificates, Box<dyn Error + Send + Sync>> {
    let failed = |source| Fault::Read { path: folder.display().to_string(), source };
    let mut certificates = HostCertificates::default();
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    for path in &paths {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("crt") => certificates.authorities.push(text(path)?),
            Some("cert") if certificates.client.is_some() => {
                return Err(Fault::Several { folder: folder.display().to_string() }.into());
            }
            Some("cert") => {
                let key = beside(path, "key", &paths)?;
                certificates.client = Some((text(path)?, text(&key)?));
            }
            Some("key") => drop(beside(path, "cert", &paths)?),
            _ => {}
        }
    }
    Ok(certificates)
}

/// The file of the same name with another ending.
fn beside(path: &Path, ending: &str, paths: &[PathBuf]) -> Result<PathBuf, Fault> {
    let other = path.with_extension(ending);
    if paths.contains(&other) {
        return Ok(other);
    }
    let missing = other.file_name().unwrap_or_default().display().to_string();
    Err(Fault::Alone { path: path.display().to_string(), missing })
}

fn text(path: &Path) -> Result<String, Fault> {
    let failed = |source| Fault::Read { path: path.display().to_string(), source };
    let bytes = bounded::file(path, MAX_SIZE).map_err(failed)?;
    // What is no text holds no certificate, and is refused for that.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[&str]) -> Result<HostCertificates, String> {
        let folder = tempfile::tempdir().unwrap();
        let host = folder.path().join("second/localhost:5000");
        fs::create_dir_all(&host).unwrap();
        fs::create_dir_all(folder.path().join("first/other")).unwrap();
        for file in files {
            fs::write(host.join(file), *file).unwrap();
        }
        let folders = ["none", "first", "second"].map(|name| folder.path().join(name));
        source(folders.to_vec()).find("localhost:5000").map_err(|error| error.to_string())
    }

    #[test]
    fn the_folders_are_read_as_docker_reads_them() {
        assert_eq!(found(&[]), Ok(HostCertificates::default()));
        let all = found(&["b.crt", "a.crt", "me.cert", "me.key", "README"]).unwrap();
        assert_eq!(all.authorities, ["a.crt", "b.crt"]);
        assert_eq!(all.client, Some(("me.cert".to_owned(), "me.key".to_owned())));
        for (files, fault) in [
            (&["me.cert"][..], "no me.key beside it"),
            (&["me.key"], "no me.cert beside it"),
            (&["a.cert", "a.key", "b.cert", "b.key"], "several client certificates"),
        ] {
            let text = found(files).unwrap_err();
            assert!(text.contains(fault), "{text}");
        }
    }
}
