//! `--provenance`, `--sbom` and `--attest`: what is said about an image.

use std::str::FromStr;

/// What is to be said; what comes later on the command line counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attest {
    Provenance(Option<Provenance>),
    Sbom(bool),
}

/// How much of the way to the image is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Provenance {
    /// Whether the Dockerfile and the values of arguments are told as well.
    pub(crate) is_full: bool,
    pub(crate) builder: Option<String>,
    pub(crate) is_reproducible: bool,
}

impl FromStr for Attest {
    type Err = String;

    /// `--attest`: `type=provenance|sbom` and the fields of that.
    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest): (Vec<&str>, Vec<&str>) =
            text.split(',').partition(|field| field.starts_with("type="));
        let rest = rest.join(",");
        match kind[..] {
            ["type=provenance"] => provenance(&rest),
            ["type=sbom"] => sbom(&rest),
            [] => Err("the type is missing: write type=provenance or type=sbom".into()),
            _ => Err("the type is one of provenance and sbom".into()),
        }
    }
}

/// `--provenance`: yes, no, or `mode=min|max` and other fields.
pub(super) fn provenance(text: &str) -> Result<Attest, String> {
    let mut told = Provenance::default();
    for field in text.split(',').filter(|field| !field.is_empty()) {
        match field.split_once('=').unwrap_or((field, "")) {
            ("true" | "1", "") | ("disabled", "false") | ("version", "v1" | "1") => {}
            ("false" | "0", "") | ("disabled", "true") => return Ok(Attest::Provenance(None)),
            ("mode", "min") => told.is_full = false,
            ("mode", "max") => told.is_full = true,
            ("builder-id", id) => told.builder = Some(id.to_owned()),
            ("reproducible", "true" | "false") => {
                told.is_reproducible = field.ends_with("true");
            }
            _ => {
                return Err(format!(
                    "{field} is not supported: there are true, false, mode=min|max, \
                     builder-id=TEXT, reproducible=true and version=v1"
                ));
            }
        }
    }
    Ok(Attest::Provenance(Some(told)))
}

/// `--sbom`: yes or no.
pub(super) fn sbom(text: &str) -> Result<Attest, String> {
    match text {
        "" | "true" | "1" | "disabled=false" => Ok(Attest::Sbom(true)),
        "false" | "0" | "disabled=true" => Ok(Attest::Sbom(false)),
        _ => Err(format!(
            "{text} is not supported: packages are found without a generator, write true or false"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed() {
        let told =
            |is_full| Ok(Attest::Provenance(Some(Provenance { is_full, ..Default::default() })));
        assert_eq!(provenance("true"), told(false));
        assert_eq!(provenance("mode=max"), told(true));
        assert_eq!(provenance("false"), Ok(Attest::Provenance(None)));
        assert_eq!("type=provenance,mode=max".parse(), told(true));
        assert_eq!("mode=min,type=provenance".parse(), told(false));
        assert_eq!("type=provenance,disabled=true".parse(), Ok(Attest::Provenance(None)));
        assert_eq!("type=sbom".parse(), Ok(Attest::Sbom(true)));
        assert_eq!(sbom("false"), Ok(Attest::Sbom(false)));
        for text in ["", "type=vex", "mode=max", "type=sbom,generator=a/b", "type=sbom,type=sbom"] {
            assert!(text.parse::<Attest>().is_err(), "{text}");
        }
        assert!(provenance("mode=all").is_err() && provenance("version=v0.2").is_err());
    }
}
