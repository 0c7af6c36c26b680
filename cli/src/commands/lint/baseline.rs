//! What was known before: a report in GitLab's form, of which the fingerprints count.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde::Deserialize;

use super::file::Linted;
use crate::bounded;
use crate::diagnostics::fingerprints;
use crate::exit::Exit;
use crate::failure::Failure;

/// The longest report that is read.
const LONGEST: u64 = 256 << 20;

#[derive(Deserialize)]
struct Issue {
    fingerprint: String,
}

/// Leaves out what the report has. Faults of the syntax stay: behind them nothing was looked at.
pub(super) fn leave_out(path: &Path, linted: &mut [Linted]) -> Result<(), Failure> {
    let known = read(path).map_err(|error| {
        Failure::new(format!("cannot read the baseline {}", path.display()))
            .because(&error)
            .help("`lap lint --output gitlab=FILE` writes one")
            .exit_with(Exit::USAGE)
    })?;
    for one in linted {
        let prints = fingerprints(&[one.report()]);
        let mut prints = prints.iter();
        let before = one.faults.len();
        one.faults.retain(|fault| {
            let is_known = prints.next().is_some_and(|print| known.contains(print));
            !is_known || fault.is_of_syntax
        });
        one.left_out = before.saturating_sub(one.faults.len());
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<BTreeSet<String>> {
    let issues: Vec<Issue> = serde_json::from_slice(&bounded::file(path, LONGEST)?)?;
    Ok(issues.into_iter().map(|issue| issue.fingerprint).collect())
}
