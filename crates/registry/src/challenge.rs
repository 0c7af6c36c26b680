//! `WWW-Authenticate`: how a registry wants to be logged in to (RFC 9110, 11.6.1).

/// One way to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// Lower case: `bearer`, `basic`.
    pub(crate) scheme: String,
    /// Names in lower case.
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// A parameter by its lower-case name.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The challenges of one header field. What cannot be read ends the list; it is never an error.
pub(crate) fn parse(field: &str) -> Vec<Challenge> {
    let mut rest = field;
    let mut challenges: Vec<Challenge> = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (name, after) = token(rest);
        if name.is_empty() {
            return challenges;
        }
        let name = name.to_ascii_lowercase();
        match (parameter_value(after), challenges.last_mut()) {
            (Some((value, after)), Some(challenge)) => {
                challenge.parameters.push((name, value));
                rest = after;
            }
            (Some(_), None) => return challenges,
            (None, _) => {
                challenges.push(Challenge { scheme: name, parameters: Vec::new() });
                rest = after;
            }
        }
    }
}

/// `="…"` or `=…` and what follows it.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let rest = text.trim_start().strip_prefix('=')?.trim_start();
    if let Some(quoted) = rest.strip_prefix('"') {
        return Some(unquote(quoted));
    }
    let end = rest.find([' ', '\t', ',']).unwrap_or(rest.len());
    let (value, rest) = rest.split_at_checked(end)?;
    Some((value.to_owned(), rest))
}

/// Up to the closing quote, which may be missing.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((position, letter)) = letters.next() {
        match letter {
            '"' => return (value, text.get(position.saturating_add(1)..).unwrap_or_default()),
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

fn token(text: &str) -> (&str, &str) {
    let is_token =
        |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    let end = text.find(|letter| !is_token(letter)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_registries_send() {
        let hub = parse(
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
        );
        assert_eq!(hub.len(), 1);
        assert_eq!(hub[0].scheme, "bearer");
        assert_eq!(hub[0].parameter("realm"), Some("https://auth.docker.io/token"));
        assert_eq!(hub[0].parameter("scope"), Some("repository:a/b:pull,push"));
        let several = parse(
            r#"BASIC Realm = "a \"b\", c" , charset=UTF-8, bearer REALM=https://x ,service=s"#,
        );
        assert_eq!(several.len(), 2);
        assert_eq!(several[0].parameter("realm"), Some("a \"b\", c"));
        assert_eq!(several[0].parameter("charset"), Some("UTF-8"));
        assert_eq!(several[1].parameter("realm"), Some("https://x"));
        assert_eq!(several[1].parameter("service"), Some("s"));
    }

    #[test]
    fn survives_what_nobody_should_send() {
        assert!(parse("").is_empty());
        assert!(parse(",,, ;").is_empty());
        assert!(parse("=x").is_empty());
        assert!(parse(r#"realm="x""#).is_empty());
        assert_eq!(parse(r#"Bearer realm="x"#)[0].parameter("realm"), Some("x"));
        assert_eq!(parse("Bearer realm=")[0].parameter("realm"), Some(""));
        assert_eq!(parse("Basic")[0].scheme, "basic");
        assert_eq!(parse("Bearer realm=\"\\")[0].parameter("realm"), Some(""));
    }

    proptest::proptest! {
        #[test]
        fn reads_anything(field in "[a-zA-Z=\", \\\\é]{0,60}") {
            let found = parse(&field);
            proptest::prop_assert!(found.iter().all(|challenge| !challenge.scheme.is_empty()));
        }
    }
}
