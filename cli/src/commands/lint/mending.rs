//! `--fix` and `--diff`: makes the fixes of findings until there is none left to make.

use lapstrake_linter::mend;
use lapstrake_parser::{Fix, Safety, Severity};

use super::super::input::{self, Input};
use super::file::{self, Linted, Task};
use crate::diagnostics::Source;
use crate::exit::Exit;
use crate::failure::Failure;

/// How often a file is looked at again: a fix may show what another one hid.
const PASSES: usize = 10;

/// A file with fixes made, not yet written.
pub(super) struct Mended {
    /// What is found in the new text.
    pub(super) linted: Linted,
    /// The text as it was.
    before: String,
    pub(super) made: usize,
}

/// Makes the fixes that are no less safe than `least`. A text that could be read before can be read after:
/// where fixes would end that, none of that pass is made. A file that is not UTF-8 stays as it is.
pub(super) fn mended(linted: Linted, task: &Task<'_>, least: Safety) -> Mended {
    let before = linted.source.text().to_owned();
    let mut mended = Mended { linted, before, made: 0 };
    for _ in 0..PASSES {
        let linted = &mended.linted;
        if !linted.source.is_whole() {
            break;
        }
        let fixes = linted.faults.iter().filter_map(|fault| fault.diagnostic.fix.as_ref());
        let is_wanted = |fix: &&Fix| fix.safety == Safety::Safe || least == Safety::Unsafe;
        let Some(next) = mend(linted.source.text(), fixes.filter(is_wanted)) else { break };
        let (source, _) = Source::read(linted.source.name(), next.text.as_bytes());
        let looked_at = file::look(source, None, task, &[]);
        if errors(&looked_at) > errors(linted) {
            break;
        }
        mended = Mended { linted: looked_at, made: mended.made + next.made, ..mended };
    }
    mended
}

fn errors(linted: &Linted) -> usize {
    let of_syntax = linted.faults.iter().filter(|fault| fault.is_of_syntax);
    of_syntax.filter(|fault| fault.diagnostic.severity == Severity::Error).count()
}

impl Mended {
    /// What changes, as a unified diff.
    pub(super) fn diff(&self) -> String {
        input::unified(self.linted.source.name(), &self.before, self.linted.source.text())
    }

    /// Writes the text into its file, all of it or nothing. The file keeps its mode; a link stays one.
    pub(super) fn write(&self, input: &Input) -> Result<(), Failure> {
        let Input::File(path) = input else {
            let failure = Failure::new("standard input cannot be mended in its place");
            return Err(failure.help("`--diff` shows the changes").exit_with(Exit::USAGE));
        };
        if self.made == 0 {
            return Ok(());
        }
        input::replace(path, self.linted.source.text()).map_err(|error| {
            let message = format!("cannot write the fixes into {}", path.display());
            Failure::new(message).because(&error).exit_with(Exit::USAGE)
        })
    }
}
