//! `-v`: directories and files of the host that the command sees.

use std::fs;
use std::io;
use std::path::Path;

use lapstrake_executor::{Mount, Source};

use crate::args::Bind;
use crate::failure::Failure;

/// The mounts in order. A source that is missing becomes an empty directory, as with Docker.
pub(super) fn mounts(binds: &[Bind]) -> Result<Vec<Mount>, Failure> {
    for (at, bind) in binds.iter().enumerate() {
        let same = |other: &Bind| target(other) == target(bind);
        if binds.iter().take(at).any(same) {
            return Err(Failure::new(format!("two volumes have the target {}", bind.target)));
        }
    }
    binds.iter().map(mount).collect()
}

fn mount(bind: &Bind) -> Result<Mount, Failure> {
    let cannot = |what: &str, error: &io::Error| {
        Failure::new(format!("cannot {what} the volume {}", bind.source.display())).because(error)
    };
    let source = std::path::absolute(&bind.source).map_err(|error| cannot("find", &error))?;
    match fs::metadata(&source) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(&source).map_err(|error| cannot("create", &error))?;
        }
        Err(error) => return Err(cannot("use", &error)),
        Ok(_) => {}
    }
    Ok(Mount::Bind {
        source: Source::Host(source),
        target: target(bind).into(),
        read_only: bind.read_only,
        recursive: true,
    })
}

/// The target in one spelling.
fn target(bind: &Bind) -> String {
    let path: std::path::PathBuf = Path::new(&bind.target).components().collect();
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_can_be_used_once() {
        let binds = ["/tmp:/a", "/tmp:/a/"].map(|text| text.parse::<Bind>().unwrap());
        assert!(mounts(&binds).unwrap_err().text().contains("two volumes have the target /a/"));
        assert_eq!(mounts(&binds[..1]).unwrap().len(), 1);
    }
}
