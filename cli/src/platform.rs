//! `--platform`.

use lapstrake_oci::Platform;

use crate::failure::Failure;

/// What the flag says; for now only what this machine is.
pub(crate) fn wanted(flag: Option<&str>) -> Result<Platform, Failure> {
    let host = Platform::host();
    let Some(text) = flag.filter(|text| *text != "local") else { return Ok(host) };
    if text.contains(',') {
        return Err(Failure::new("several platforms at once are not supported yet"));
    }
    let wanted = Platform::parse(text).map_err(|error| Failure::of(&error))?;
    if wanted != host {
        return Err(Failure::new(format!("the platform {wanted} is not supported yet"))
            .help(format!("this machine is {host}")));
    }
    Ok(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine() {
        let host = Platform::host();
        assert_eq!(wanted(None), Ok(host.clone()));
        assert_eq!(wanted(Some("local")), Ok(host.clone()));
        assert_eq!(wanted(Some(&host.to_string())), Ok(host.clone()));
        for other in ["linux/s390x", "windows/amd64", "linux/amd64,linux/arm64", "a/b/c/d"] {
            assert!(wanted(Some(other)).is_err(), "{other}");
        }
    }
}
