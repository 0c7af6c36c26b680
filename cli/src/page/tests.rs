//! Each page shows a Dockerfile that has its fault, and one that has none any more.

use lapstrake_oci::Platform;
use lapstrake_parser::{Diagnostic, Severity};
use lapstrake_solver::lower::{self, Options};

use super::*;

impl Page {
    fn front(self, key: &str) -> Option<&'static str> {
        let mut lines = self.parts().0.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The Dockerfile below a heading. `…` stands for more than a line can hold, `\xff` for that
    /// byte.
    fn dockerfile(self, heading: &str) -> Option<Vec<u8>> {
        let (_, below) = self.body().split_once(&format!("## {heading}\n"))?;
        let (_, block) = below.split_once("```dockerfile\n")?;
        let (text, _) = block.split_once("```\n")?;
        let text = text.replace('…', &"x".repeat(70_000));
        let mut pieces = text.split("\\xff");
        let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
        for piece in pieces {
            bytes.push(0xff);
            bytes.extend(piece.as_bytes());
        }
        Some(bytes)
    }
}

fn options(target: Option<&str>) -> Options {
    Options {
        target: target.map(str::to_owned),
        ..Options::new(Platform::new("linux", "amd64", ""))
    }
}

/// All faults that show without an image.
fn faults(page: Page, dockerfile: &[u8]) -> Vec<Diagnostic> {
    let parsed = lapstrake_parser::parse_bytes(dockerfile);
    let mut faults = parsed.diagnostics;
    let is_whole = faults.iter().all(|fault| fault.severity != Severity::Error);
    faults.extend(lower::check(&parsed.dockerfile, &options(page.front("target")), is_whole));
    faults
}

#[test]
fn examples_have_the_fault_and_mended_ones_have_none() {
    let wrong: Vec<String> = all().filter_map(|page| what_is_wrong(page).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn what_is_wrong(page: Page) -> Result<(), String> {
    let code = page.code;
    let dockerfile = |heading: &str| {
        page.dockerfile(heading).ok_or_else(|| format!("{code}: nothing below {heading}"))
    };
    let found = faults(page, &dockerfile("Example")?);
    let shows = found.iter().any(|fault| fault.code == code);
    match page.front("needs") {
        Some("execution") if !found.is_empty() => {
            return Err(format!("{code}: its example shows without execution: {found:?}"));
        }
        None if !shows => return Err(format!("{code}: its example shows {found:?}")),
        _ => {}
    }
    let left = faults(page, &dockerfile("Mended")?);
    if left.is_empty() { Ok(()) } else { Err(format!("{code}: not mended: {left:?}")) }
}

#[test]
fn pages_have_one_form() {
    for page in all() {
        let (code, body) = (page.code, page.body());
        assert!(body.starts_with(&format!("# {code}: ")), "{code}: the heading");
        let headings: Vec<&str> = body.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(headings, ["## Example", "## Mended"], "{code}");
        let long = body.lines().find(|line| line.chars().count() > 100);
        assert_eq!(long, None, "{code}: a long line");
        assert!(!page.title().ends_with('.'), "{code}: the title ends with a full stop");
    }
}
