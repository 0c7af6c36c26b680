//! What is asked of the rules: by the command line, by a project's configuration, by the file itself.

use std::collections::BTreeMap;

use lapstrake_parser::Severity;
use lapstrake_parser::check::CheckOptions;

use crate::rule::Rule;

/// Which rules look, and what they are told.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The rules.
    pub rules: &'a [&'static Rule],
    /// What the `check` directive of the file asks for, or the command line in its place.
    pub checks: &'a CheckOptions,
    /// What the project asks for.
    pub policy: &'a Policy,
    /// The rules are a choice of no other tool. Then what makes an image larger is told of stages that are in one,
    /// and a rule of another tool leaves out what is likely meant as it is.
    pub is_own: bool,
}

/// What a project asks for, whatever the file is. By default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Names of rules, or aliases, that are not to be heard of.
    pub ignored: Vec<String>,
    /// Rules by a name or alias, and how bad it is to break them. The first that names a rule counts.
    pub severities: Vec<(String, Severity)>,
    /// Comments do not silence rules; the `check` directive and its comments, which are the builder's,
    /// still do.
    pub ignores_comments: bool,
    /// The registries that images may come from; all if there is none. `*` at one end stands for
    /// anything.
    pub trusted_registries: Vec<String>,
    /// The labels that each image needs, and what is to be in them.
    pub label_schema: BTreeMap<String, LabelKind>,
    /// Other labels than those are not wanted.
    pub strict_labels: bool,
    /// The most that a layer may hold, in bytes.
    pub max_layer: Option<u64>,
}

/// What is in a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelKind {
    /// Anything but nothing.
    Text,
    /// An absolute URI (RFC 3986).
    Url,
    /// A time (RFC 3339).
    Time,
    /// A version (Semantic Versioning 2.0.0).
    Version,
    /// The id of a commit.
    Commit,
    /// The id of a licence in the SPDX list.
    Licence,
    /// An address (RFC 5322).
    Email,
}

impl LabelKind {
    /// Each kind by the name that hadolint has for it.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("text", Self::Text),
        ("url", Self::Url),
        ("rfc3339", Self::Time),
        ("semver", Self::Version),
        ("hash", Self::Commit),
        ("spdx", Self::Licence),
        ("email", Self::Email),
    ];
}

impl Policy {
    /// The severity that is asked for, of a rule that is named.
    pub fn severity(&self, rule: &Rule) -> Option<Severity> {
        let named = self.severities.iter().find(|(name, _)| rule.is_named(name));
        named.map(|(_, severity)| *severity)
    }

    /// True if the rule is not to be heard of.
    pub fn ignores(&self, rule: &Rule) -> bool {
        self.ignored.iter().any(|name| rule.is_named(name))
    }
}
