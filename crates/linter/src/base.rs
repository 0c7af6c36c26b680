//! The images that stages start from.

use lapstrake_oci::Platform;
use lapstrake_parser::Dockerfile;

use crate::known::Known;
use crate::policy::Policy;
use crate::subject::Subject;

/// An image that a stage starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The number of the stage.
    pub stage: usize,
    /// The image's name, variables put in.
    pub name: String,
    /// What it is to run on.
    pub platform: Platform,
}

/// The images that stages start from, in file order. Stages on other stages and on `scratch` are left out,
/// and so are those whose name or platform cannot be told from what is known.
pub fn bases(source: &str, dockerfile: &Dockerfile, known: &Known<'_>) -> Vec<Base> {
    let policy = Policy::default();
    let subject = Subject::new(source, dockerfile, known, &policy);
    let stages = subject.stages.iter();
    let bases = stages.filter_map(|stage| {
        let name = subject.global_value(&stage.from.image)?.text.into_owned();
        let is_image = !name.is_empty() && name != "scratch";
        if !is_image || subject.stage_named(&name, stage.index).is_some() {
            return None;
        }
        let platform = match &stage.from.platform {
            None => known.platform.clone(),
            Some(word) => {
                let text = subject.global_value(word)?.text;
                if text.is_empty() {
                    known.platform.clone()
                } else {
                    Platform::parse(&text).ok()?
                }
            }
        };
        Some(Base { stage: stage.index, name, platform })
    });
    bases.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_told_with_their_platforms() {
        let source = "ARG TAG=12\nFROM debian:${TAG} AS one\nFROM one\nFROM scratch\n\
            FROM --platform=linux/arm64 alpine\nFROM --platform=$BUILDPLATFORM go\nFROM $NONE\n";
        let parsed = lapstrake_parser::parse(source);
        let platform = |text| Platform::parse(text).unwrap();
        let known = Known {
            platform: platform("linux/riscv64"),
            build_platform: platform("linux/amd64"),
            ..Known::nothing()
        };
        let found: Vec<_> = bases(source, &parsed.dockerfile, &known)
            .into_iter()
            .map(|base| (base.stage, base.name, base.platform.to_string()))
            .collect();
        let expected = [
            (0, "debian:12", "linux/riscv64"),
            (3, "alpine", "linux/arm64"),
            (4, "go", "linux/amd64"),
        ];
        let expected = expected.map(|(at, name, on)| (at, name.to_owned(), on.to_owned()));
        assert_eq!(found, expected);
    }
}
