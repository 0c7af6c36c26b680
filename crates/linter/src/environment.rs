//! Variables, in the order in which they were first set.

use lapstrake_parser::Variables;

/// Names with their values. A later value takes an earlier one's place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(Vec<(String, String)>);

impl Environment {
    /// From `NAME=value` texts, as image configs have them.
    pub(crate) fn from_texts(texts: &[String]) -> Self {
        let mut environment = Self::default();
        for text in texts {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            environment.set(name, value);
        }
        environment
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl Variables for Environment {
    fn lookup(&self, name: &str) -> Option<String> {
        self.value(name).map(str::to_owned)
    }
}
