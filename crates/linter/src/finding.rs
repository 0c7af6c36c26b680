//! What rules report.

use std::sync::Arc;

use lapstrake_parser::{
    Diagnostic, Edit, Elsewhere, Fix, Instruction, OtherFile, Safety, Severity, Span,
};

use crate::foreign::Foreign;
use crate::rule::Rule;

/// One place where a rule is broken.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// What is wrong, where, and what to do. Its code is the rule's name.
    pub diagnostic: Diagnostic,
    /// The file that the places are in, if it is not the Dockerfile.
    pub file: Option<Arc<OtherFile>>,
}

/// Collects what the rules report, one rule at a time.
pub(crate) struct Findings<'a> {
    found: Vec<Owned<'a>>,
    rule: &'static Rule,
    owner: Option<&'a Instruction>,
    place: Option<Span>,
    file: Option<Arc<OtherFile>>,
}

/// A finding and the instruction whose comments may silence it.
pub(crate) struct Owned<'a> {
    pub(crate) finding: Finding,
    pub(crate) owner: Option<&'a Instruction>,
    /// It is likely meant so: only a choice of rules that another tool has made tells it.
    pub(crate) is_meant: bool,
}

/// A finding while its rule describes it.
pub(crate) struct Draft<'f> {
    diagnostic: &'f mut Diagnostic,
    is_meant: &'f mut bool,
    /// The finding is about text that is not in this file.
    elsewhere: bool,
}

impl<'a> Findings<'a> {
    /// Nothing found yet. `rule` is the first to look.
    pub(crate) const fn new(rule: &'static Rule) -> Self {
        Self { found: Vec::new(), rule, owner: None, place: None, file: None }
    }

    /// From now on `rule` looks, at what `owner` answers for: the whole file if that is nothing.
    pub(crate) fn looks(&mut self, rule: &'static Rule, owner: Option<&'a Instruction>) {
        self.rule = rule;
        self.owner = owner;
        self.place = None;
        self.file = None;
    }

    /// What is looked at stands in that file.
    pub(crate) fn looks_into(&mut self, file: &Arc<OtherFile>) {
        self.file = Some(Arc::clone(file));
    }

    /// What is looked at stands in a base image; this is what brings it into the file.
    pub(crate) const fn comes_from(&mut self, place: Option<Span>) {
        self.place = place;
    }

    /// Reports that the rule is broken at `span`.
    pub(crate) fn add(&mut self, span: Span, message: impl Into<String>) -> Draft<'_> {
        let (rule, owner) = (self.rule, self.owner);
        let mut message = message.into();
        if self.place.is_some() {
            message.insert_str(0, "in a trigger of the base image: ");
        }
        let mut diagnostic = Diagnostic::warning(rule.name, self.place.unwrap_or(span), message);
        diagnostic.severity = rule.severity;
        if let Some(url) = rule.url() {
            diagnostic = diagnostic.with_url(url);
        }
        let finding = Finding { rule, diagnostic, file: self.file.clone() };
        let owned = self.found.push_mut(Owned { finding, owner, is_meant: false });
        let Owned { finding, is_meant, .. } = owned;
        Draft { diagnostic: &mut finding.diagnostic, is_meant, elsewhere: self.place.is_some() }
    }

    /// How much was found so far.
    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    /// Lets `look` report, and adds to the help of what that has found why it matters here.
    pub(crate) fn explained(&mut self, why: &str, look: impl FnOnce(&mut Self)) {
        let before = self.found.len();
        look(self);
        for one in self.found.iter_mut().skip(before) {
            let help = &mut one.finding.diagnostic.help;
            *help = Some(match help.take() {
                Some(help) => format!("{why}: {help}"),
                None => why.to_owned(),
            });
        }
    }

    /// Reports what ShellCheck has found.
    pub(crate) fn add_foreign(&mut self, foreign: &Foreign) {
        let draft = self.add(foreign.span, foreign.message.as_str());
        draft.diagnostic.severity = foreign.severity;
    }

    pub(crate) fn into_owned(self) -> Vec<Owned<'a>> {
        self.found
    }
}

impl Draft<'_> {
    /// Adds what the author can do.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        self.diagnostic.help = Some(help.into());
        self
    }

    /// It is less bad than the rule says.
    pub(crate) fn remark(self) -> Self {
        self.diagnostic.severity = Severity::Info;
        self
    }

    /// If `is_meant`, the author likely means it as it is: only the tool that the rule comes from tells it.
    pub(crate) fn unless(self, is_meant: bool) -> Self {
        *self.is_meant = is_meant;
        self
    }

    /// Adds "did you mean `x`?" if there is an `x`, with the change of the name at `span`.
    pub(crate) fn suggest(self, span: Span, name: Option<&str>) -> Self {
        let Some(name) = name else { return self };
        self.help(format!("did you mean `{name}`?")).fix(Safety::Unsafe, [(span, name.to_owned())])
    }

    /// Adds another place that explains it.
    pub(crate) fn label(self, span: Span, text: impl Into<String>) -> Self {
        if !self.elsewhere {
            self.diagnostic.labels.push((span, text.into()));
        }
        self
    }

    /// Adds a place in another file.
    pub(crate) fn elsewhere(
        self,
        file: &Arc<OtherFile>,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        let (file, message) = (Arc::clone(file), message.into());
        self.diagnostic.elsewhere.push(Elsewhere { file, span, message });
        self
    }

    /// Adds the change that mends it: what to replace by what, in file order.
    pub(crate) fn fix<const N: usize>(self, safety: Safety, edits: [(Span, String); N]) -> Self {
        self.fix_all(safety, edits)
    }

    /// As [`Draft::fix`], for any number of edits; none is no fix.
    pub(crate) fn fix_all(
        self,
        safety: Safety,
        edits: impl IntoIterator<Item = (Span, String)>,
    ) -> Self {
        let edits: Vec<_> = edits.into_iter().collect();
        if !self.elsewhere && !edits.is_empty() {
            let edits = edits.into_iter().map(|(span, text)| Edit { span, text }).collect();
            self.diagnostic.fix = Some(Fix { edits, safety });
        }
        self
    }
}

impl Finding {
    /// True if the finding is worth failing for at that level.
    pub fn is_at_least(&self, severity: Severity) -> bool {
        self.diagnostic.severity >= severity
    }
}
