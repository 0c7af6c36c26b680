//! What the server asks of whoever started it.

use std::path::Path;

use lapstrake_linter::{Known, Policy, Rule};
use lapstrake_parser::Dockerfile;

/// What is known beside the open documents. The third trait of the project (ARCHITECTURE.md): files and the
/// store are the command's, and tests have others.
pub trait Workspace {
    /// Which rules look at the Dockerfile at that path, or at one without a path. If the project's
    /// configuration cannot be read, those that look without one, and what is wrong with it in a line.
    fn rules(&self, dockerfile: Option<&Path>) -> (Rules, Option<String>);

    /// Calls `see` once, with what is known of the build of the Dockerfile at that path, whose text may have
    /// changed since it was written. Nothing but the text counts unless it is to look around; what it saw then may
    /// be as old as the last call of [`Workspace::rules`].
    fn known(
        &self,
        dockerfile: Option<&Path>,
        file: (&str, &Dockerfile),
        look_around: bool,
        see: &mut dyn FnMut(&Known<'_>),
    );

    /// What the context of a Dockerfile has in a folder, which is relative to it, without what is left out
    /// of the context. Empty if there is no such folder.
    fn context(&self, dockerfile: &Path, folder: &str) -> Vec<ContextEntry>;

    /// What is known of an image, without asking a registry. Nothing of one that is not here.
    fn image(&self, name: &str) -> Option<Image>;

    /// What was made when an instruction of a Dockerfile was executed last. `instruction` is all of it on
    /// one line.
    fn made(&self, dockerfile: &Path, instruction: &str) -> Option<Facts>;

    /// What there is to say about a code, in Markdown.
    fn page(&self, code: &str) -> Option<String>;
}

/// Names and values, to be shown in this order.
pub type Facts = Vec<(&'static str, String)>;

/// An image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// What there is to say about it.
    pub facts: Facts,
    /// Its environment, as `NAME=value`.
    pub environment: Vec<String>,
}

/// What lies in a folder of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextEntry {
    /// Its name.
    pub name: String,
    /// It is a folder, or leads to one.
    pub is_folder: bool,
}

/// Which rules look at a file.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The rules.
    pub rules: Vec<&'static Rule>,
    /// What the project asks for.
    pub policy: Policy,
    /// They are a choice of no other tool: they may know what this machine has, and only what is shipped counts for
    /// them.
    pub are_own: bool,
}
