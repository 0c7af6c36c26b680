//! What ShellCheck itself says, for the rules that are not here.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use lapstrake_parser::{Severity, Span};

use crate::rule::Rule;

/// A finding of ShellCheck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The number of its id: 2154 for SC2154.
    pub number: u32,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where it stands in the file.
    pub span: Span,
    /// Where its instruction stands.
    pub owner: Span,
}

/// The rules that have been asked for. There are no more of them than ShellCheck has ids.
static RULES: Mutex<BTreeMap<u32, &'static Rule>> = Mutex::new(BTreeMap::new());

impl Foreign {
    /// The rule, by which comments and projects may silence it.
    pub(crate) fn rule(&self) -> &'static Rule {
        // A rule is whole or not there, whatever another thread came to.
        let mut rules = RULES.lock().unwrap_or_else(PoisonError::into_inner);
        rules.entry(self.number).or_insert_with(|| {
            let name = Box::leak(format!("SC{}", self.number).into_boxed_str());
            Box::leak(Box::new(Rule::foreign(name, self.severity)))
        })
    }
}
