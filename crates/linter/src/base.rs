//! What stages start from.

use lapstrake_oci::Platform;
use lapstrake_parser::{Dockerfile, Stage};

use crate::known::Known;
use crate::policy::Policy;
use crate::subject::Subject;

/// What a stage starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// `scratch`.
    Nothing,
    /// The stage of that number.
    Stage(usize),
    /// An image.
    Image {
        /// Its name, variables put in.
        name: String,
        /// What it is to run on.
        platform: Platform,
    },
}

/// What each stage starts from, in file order; nothing where name or platform cannot be told from what is
/// known.
pub fn bases(source: &str, dockerfile: &Dockerfile, known: &Known<'_>) -> Vec<Option<Base>> {
    let policy = Policy::default();
    let subject = Subject::new(source, dockerfile, known, &policy);
    subject.stages.iter().map(|stage| base(&subject, stage)).collect()
}

fn base(subject: &Subject<'_>, stage: &Stage<'_>) -> Option<Base> {
    let name = subject.global_value(&stage.from.image)?.text.into_owned();
    if name == "scratch" {
        return Some(Base::Nothing);
    }
    if let Some(below) = subject.stage_named(&name, stage.index) {
        return Some(Base::Stage(below));
    }
    let usual = &subject.known.platform;
    let platform = match &stage.from.platform {
        None => usual.clone(),
        Some(word) => match subject.global_value(word)?.text.as_ref() {
            "" => usual.clone(),
            text => Platform::parse(text).ok()?,
        },
    };
    (!name.is_empty()).then_some(Base::Image { name, platform })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stages_start_from_is_told() {
        let source = "ARG TAG=12\nFROM debian:${TAG} AS one\nFROM one\nFROM scratch\n\
            FROM --platform=linux/arm64 alpine\nFROM --platform=$BUILDPLATFORM go\nFROM $NONE\n";
        let parsed = lapstrake_parser::parse(source);
        let platform = |text| Platform::parse(text).unwrap();
        let known = Known {
            platform: platform("linux/riscv64"),
            build_platform: platform("linux/amd64"),
            ..Known::nothing()
        };
        let image = |name: &str, on| {
            let (name, platform) = (name.to_owned(), platform(on));
            Some(Base::Image { name, platform })
        };
        let expected = [
            image("debian:12", "linux/riscv64"),
            Some(Base::Stage(0)),
            Some(Base::Nothing),
            image("alpine", "linux/arm64"),
            image("go", "linux/amd64"),
            None,
        ];
        assert_eq!(bases(source, &parsed.dockerfile, &known), expected);
    }
}
