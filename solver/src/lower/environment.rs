//! Environments: lists of variables in which a later value takes an earlier one's place.

/// Variables in the order in which they were first set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Environment {
    variables: Vec<(String, String)>,
    /// Variables that are set to something that is not known: their instruction is faulty.
    unknown: Vec<String>,
    /// Whether any other may be set as well: by a base image that is not known yet, or by an
    /// instruction that is faulty.
    is_partial: bool,
}

impl Environment {
    /// From `NAME=value` texts.
    pub(super) fn from_texts(texts: &[String]) -> Self {
        let mut environment = Self::default();
        for text in texts {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            // As with Docker, what is none is none.
            if !name.is_empty() {
                environment.set(name, value);
            }
        }
        environment
    }

    /// From now on, what is not set may be set all the same.
    pub(super) fn make_partial(&mut self) {
        self.is_partial = true;
    }

    /// The variable is set, nobody knows to what.
    pub(super) fn set_unknown(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.unknown.push(name.to_owned());
    }

    /// Whether a variable that has no value here may have one all the same.
    pub(super) fn may_set(&self, name: &str) -> bool {
        self.is_partial || self.unknown.iter().any(|unknown| unknown == name)
    }

    /// Whether some variable that has no value here may have one all the same.
    pub(super) fn may_set_some(&self) -> bool {
        self.is_partial || !self.unknown.is_empty()
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.unknown.retain(|unknown| unknown != name);
        match self.variables.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.variables.push((name.to_owned(), value.to_owned())),
        }
    }

    pub(super) fn unset(&mut self, name: &str) {
        self.unknown.retain(|unknown| unknown != name);
        self.variables.retain(|(known, _)| known != name);
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn to_pairs(&self) -> Vec<(String, String)> {
        self.variables.clone()
    }
}
