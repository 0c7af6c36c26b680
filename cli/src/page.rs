//! The pages of `docs/diagnostics`: one for each code, a part of the program.
//!
//! ```text
//! ---                        what its test has to know; may be missing
//! needs: execution
//! ---
//! # CODE: what is wrong
//! what it means, and why it is a fault
//! ## Example                 a Dockerfile that has the fault
//! ## Mended                  the same without
//! ```

/// One page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// The code it is about.
    pub(crate) code: &'static str,
    text: &'static str,
}

/// Names and texts, by name.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// All pages, by their codes.
pub(crate) fn all() -> impl Iterator<Item = Page> {
    PAGES.iter().map(|(code, text)| Page { code, text })
}

/// The page of a code.
pub(crate) fn of(code: &str) -> Option<Page> {
    all().find(|page| page.code == code)
}

impl Page {
    /// What is wrong, in a few words.
    pub(crate) fn title(self) -> &'static str {
        let heading = self.body().lines().next().unwrap_or_default();
        heading.split_once(": ").map_or(heading, |(_, title)| title)
    }

    /// The page without its front matter.
    pub(crate) fn body(self) -> &'static str {
        self.parts().1
    }

    /// The lines between `---` at the top, and the rest.
    fn parts(self) -> (&'static str, &'static str) {
        let parts = self.text.strip_prefix("---\n").and_then(|text| text.split_once("---\n"));
        let (front, body) = parts.unwrap_or(("", self.text));
        (front, body.trim_start())
    }
}

#[cfg(test)]
mod tests;
