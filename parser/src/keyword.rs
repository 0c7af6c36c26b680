//! The instruction names.

use crate::suggest::suggest;

/// An instruction name of the Dockerfile language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the instruction of its name")]
pub enum Keyword {
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
}

impl Keyword {
    /// Every instruction name, in alphabetical order.
    pub const ALL: [Self; 18] = [
        Self::Add,
        Self::Arg,
        Self::Cmd,
        Self::Copy,
        Self::Entrypoint,
        Self::Env,
        Self::Expose,
        Self::From,
        Self::Healthcheck,
        Self::Label,
        Self::Maintainer,
        Self::Onbuild,
        Self::Run,
        Self::Shell,
        Self::Stopsignal,
        Self::User,
        Self::Volume,
        Self::Workdir,
    ];

    /// The instruction with this name, in any case of letters (A1.1).
    pub fn parse(name: &str) -> Option<Self> {
        let candidates: &[Self] = match name.bytes().next()?.to_ascii_uppercase() {
            b'A' => &[Self::Arg, Self::Add],
            b'C' => &[Self::Copy, Self::Cmd],
            b'E' => &[Self::Env, Self::Expose, Self::Entrypoint],
            b'F' => &[Self::From],
            b'H' => &[Self::Healthcheck],
            b'L' => &[Self::Label],
            b'M' => &[Self::Maintainer],
            b'O' => &[Self::Onbuild],
            b'R' => &[Self::Run],
            b'S' => &[Self::Shell, Self::Stopsignal],
            b'U' => &[Self::User],
            b'V' => &[Self::Volume],
            b'W' => &[Self::Workdir],
            _ => &[],
        };
        candidates.iter().copied().find(|keyword| keyword.name().eq_ignore_ascii_case(name))
    }

    /// The name in upper case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Arg => "ARG",
            Self::Cmd => "CMD",
            Self::Copy => "COPY",
            Self::Entrypoint => "ENTRYPOINT",
            Self::Env => "ENV",
            Self::Expose => "EXPOSE",
            Self::From => "FROM",
            Self::Healthcheck => "HEALTHCHECK",
            Self::Label => "LABEL",
            Self::Maintainer => "MAINTAINER",
            Self::Onbuild => "ONBUILD",
            Self::Run => "RUN",
            Self::Shell => "SHELL",
            Self::Stopsignal => "STOPSIGNAL",
            Self::User => "USER",
            Self::Volume => "VOLUME",
            Self::Workdir => "WORKDIR",
        }
    }

    /// The instruction whose name is nearest to a misspelt one (A1.11).
    pub fn nearest(name: &str) -> Option<&'static str> {
        suggest(&name.to_ascii_uppercase(), Self::ALL.map(Self::name))
    }

    /// True if the instruction may take files written in place: RUN, COPY and ADD (A6.1).
    pub const fn takes_heredocs(self) -> bool {
        matches!(self, Self::Run | Self::Copy | Self::Add)
    }
}
