//! Rules about Dockerfiles: what can be built and is likely not what its author meant.
//!
//! [`lint`] takes a parsed file and what is [`Known`] about its build, and gives [`Finding`]s. It
//! runs nothing, reads nothing and fetches nothing: without the config of a base image it knows
//! less, and says less. What cannot be built at all is for the parser and for lowering.
//!
//! A rule is one file in `rule/`; the text at its top is its page, and the cases beside it are its
//! tests (`rule/tests.rs` says how they are written). To write one, copy another, and name it in the
//! list of its folder.
//!
//! Where to start reading:
//! - [`known`], [`files`]: what the caller may know; [`policy`]: what it asks for; [`subject`]: a file in the form
//!   that rules look at.
//! - [`walk`]: how rules come to see what they look for; [`state`]: what variables hold there.
//! - [`copied`]: what COPY takes of the context; [`ignored`]: the lines that leave something out.
//! - [`start`]: what an image starts, and where that comes from; [`shared`]: scripts of the context.
//! - [`rule`]: what a rule is, and all of them.
//! - [`label`]: labels as a project wants them.
//! - [`shell`]: the commands of RUN; [`run`], [`package`], [`manifest`]: what rules ask of them.
//! - [`given`]: build arguments, and whether something takes them.
//! - [`exec_form`]: commands in shell form that need no shell.
//! - [`failure`]: the commands whose failure nobody sees.
//! - [`dialect`]: which shell reads a RUN, with which [`variable`]s; [`script`], [`foreign`]: its text for
//!   ShellCheck, and what that says.
//! - [`finding`]: what they report; [`suppression`]: what the file does not want to hear.
//! - [`amend`]: edits that several fixes are made of.
//! - [`mend()`]: the fixes of several findings, made.
//! - [`syntax_aliases`]: what hadolint calls faults of the syntax.
//!
//! [`bases`] says which images a caller who knows some may tell about.
//!
//! Beside that, [`outline()`] and [`targets`] say what can be built from a file, and with what.

mod amend;
mod amount;
mod base;
mod copied;
mod day;
mod dialect;
mod environment;
mod exec_form;
mod failure;
mod files;
mod finding;
mod foreign;
mod from;
mod given;
mod ignored;
mod known;
mod label;
mod layer;
mod lint;
mod manifest;
mod mend;
mod outline;
mod package;
mod page;
mod policy;
mod program;
mod root;
mod rule;
mod run;
mod script;
mod secret;
mod shared;
mod shell;
mod start;
mod state;
mod subject;
mod suppression;
mod syntax;
#[cfg(test)]
mod testing;
mod value;
mod variable;
mod walk;

pub use base::{Base, bases};
pub use copied::fits;
pub use day::Day;
pub use files::{Context, Files, HEAD, Head, Hidden, IgnoreText, Secret, Tree};
pub use finding::Finding;
pub use foreign::Foreign;
pub use given::untaken;
pub use known::{Caller, Changed, Digests, Known, KnownStage, Made, Package, Packages};
pub use lint::{lint, lint_with};
pub use mend::{Mended, mend};
pub use outline::{Argument, Credential, Outline, Target, outline, targets};
pub use page::{page, title};
pub use policy::{LabelKind, Policy, Wanted};
pub use rule::{Confidence, Origin, Preset, Rule, all, rule};
pub use script::{ShellScript, shell_scripts};
pub use secret::secret_in;
pub use shell::{CommandWord, commands};
pub use suppression::{checks, checks_from_argument};
pub use syntax::syntax_aliases;
