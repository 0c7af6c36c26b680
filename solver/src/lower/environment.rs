//! Environments: lists of variables in which a later value takes an earlier one's place.

/// Variables in the order in which they were first set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Environment(Vec<(String, String)>);

impl Environment {
    /// From `NAME=value` texts.
    pub(super) fn from_texts(texts: &[String]) -> Self {
        let mut environment = Self::default();
        for text in texts {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            environment.set(name, value);
        }
        environment
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn to_pairs(&self) -> Vec<(String, String)> {
        self.0.clone()
    }
}
