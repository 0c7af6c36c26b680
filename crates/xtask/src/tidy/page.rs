//! Each fault of a Dockerfile has its page, and no page is left over.

use super::tree::Tree;

const PAGES: &str = "docs/diagnostics/";

/// Folders whose sources make faults.
const MAKERS: [&str; 2] = ["parser/src/", "solver/src/"];

/// What stands in front of a code where a fault is made.
const OPENINGS: [&str; 5] =
    ["fault(", "Diagnostic::error(", "Diagnostic::warning(", "at(vertex, index,", ": Code ="];

pub(crate) fn faults(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, text) in sources(tree) {
        for code in codes(text) {
            let page = format!("{PAGES}{code}.md");
            if tree.file(&page).is_none() {
                faults.push(format!("{path}: the fault {code} needs a page, {page}"));
            }
        }
    }
    let pages = tree.files(".md").filter_map(|(path, _)| path.strip_prefix(PAGES));
    let subjects = pages.filter_map(|name| name.strip_suffix(".md")).filter(|it| *it != "README");
    for code in subjects {
        let literal = format!("\"{code}\"");
        if !sources(tree).any(|(_, text)| text.contains(&literal)) {
            faults.push(format!("{PAGES}{code}.md: nothing makes this fault"));
        }
    }
    faults
}

/// The sources that make faults, each without its tests.
fn sources(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    let sources = tree.files(".rs").filter(|(path, _)| {
        MAKERS.iter().any(|maker| path.starts_with(maker)) && !path.contains("/tests")
    });
    sources.map(|(path, text)| (path, text.split("#[cfg(test)]").next().unwrap_or_default()))
}

/// The codes of the faults that `source` makes.
fn codes(source: &str) -> impl Iterator<Item = &str> {
    let behind = OPENINGS.iter().flat_map(|opening| source.split(opening).skip(1));
    behind.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split_once('"')).map(|it| it.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_pages_agree() {
        let tree = Tree::of(&[
            ("solver/src/a.rs", "fault(\n    \"no-page\", span)\n#[cfg(test)] fault(\"odd\")"),
            ("parser/src/b.rs", "const C: Code = \"paged\"; Diagnostic::error(code, \"text\")"),
            ("cli/src/c.rs", "Diagnostic::error(\"elsewhere\", span)"),
            ("docs/diagnostics/README.md", ""),
            ("docs/diagnostics/paged.md", ""),
            ("docs/diagnostics/gone.md", ""),
        ]);
        assert_eq!(
            faults(&tree),
            [
                "solver/src/a.rs: the fault no-page needs a page, docs/diagnostics/no-page.md",
                "docs/diagnostics/gone.md: nothing makes this fault",
            ]
        );
    }
}
