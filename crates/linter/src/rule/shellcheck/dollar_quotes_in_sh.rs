//! # sh has no `$'…'`
//!
//! bash makes characters of the escapes in it; an older sh, such as dash, keeps `$` and every `\`.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN sed -i $'s/\t/ /' /etc/app.conf
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN sed -i "s/$(printf '\t')/ /" /etc/app.conf
//! ```
//!
//! **Fix**: none: whether the image has bash is not known here.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::shell::PieceKind;

pub(super) static RULE: Rule =
    Rule::shellcheck("dollar-quotes-in-sh", &["SC3003"], Severity::Warning, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for piece in run.pieces_in_sh() {
        if matches!(piece.kind, PieceKind::DollarSingle(_)) {
            let draft = findings.add(piece.span, "not every sh makes characters of these escapes");
            draft.help("use `printf`, or set SHELL to bash");
        }
    }
}
