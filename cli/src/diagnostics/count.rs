//! How many faults there are, in words.

use std::fmt;

use lapstrake_parser::{Diagnostic, Severity};

/// Numbers of faults. Shown as `2 errors, 1 warning`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    pub(crate) infos: usize,
}

impl Count {
    /// Counts the faults.
    pub(crate) fn of<'a>(faults: impl IntoIterator<Item = &'a Diagnostic>) -> Self {
        let mut count = Self::default();
        for fault in faults {
            match fault.severity {
                Severity::Error => count.errors += 1,
                Severity::Warning => count.warnings += 1,
                Severity::Info => count.infos += 1,
            }
        }
        count
    }

    fn is_none(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return formatter.pad("nothing found");
        }
        let numbers = [(self.errors, "error"), (self.warnings, "warning"), (self.infos, "remark")];
        let parts = numbers.iter().filter(|(number, _)| *number > 0);
        let parts: Vec<String> = parts
            .map(|(number, word)| format!("{number} {word}{}", if *number == 1 { "" } else { "s" }))
            .collect();
        formatter.pad(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_words() {
        let shown = |errors, warnings, infos| Count { errors, warnings, infos }.to_string();
        assert_eq!(shown(0, 0, 0), "nothing found");
        assert_eq!(shown(1, 0, 2), "1 error, 2 remarks");
        assert_eq!(shown(2, 1, 0), "2 errors, 1 warning");
    }
}
