//! Which variables hold secrets, by their names.

/// A name is that of a secret when one of its words is one of these.
const WORDS: [&str; 6] = ["auth", "jwt", "key", "keys", "pat", "pword"];

/// Or ends with one of these, also where no word begins.
const ENDINGS: [&str; 14] = [
    "accesskey",
    "apikey",
    "authkey",
    "credential",
    "credentials",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secret",
    "secretkey",
    "token",
];

/// Whether the name of a variable says that its value is a secret. Words end at whatever is neither letter nor
/// digit, and in front of a capital behind a small letter.
pub(super) fn is_secret(name: &str) -> bool {
    words(name).iter().any(|word| {
        // `secrets` and `tokens`.
        let one = word.strip_suffix('s').filter(|one| !one.ends_with('s')).unwrap_or(word);
        WORDS.contains(&word.as_str())
            || ENDINGS.iter().any(|ending| word.ends_with(ending) || one.ends_with(ending))
    })
}

fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_small = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (is_small && letter.is_uppercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && letter.is_alphanumeric()
        {
            word.extend(letter.to_lowercase());
        }
        is_small = letter.is_lowercase();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in [
            "TOKEN",
            "npm_token",
            "API_KEY",
            "DB_PASSWORD_2",
            "GITHUB-TOKEN",
            "AUTH",
            "PGPASSWORD",
            "GH_PAT",
            "SSHPASS",
            "MYSECRET",
            "githubToken",
            "CI_JOB_JWT",
            "PRIVATEKEY",
            "PASSPHRASE",
            "DB_PASS_1",
            "AWS_ACCESS_KEY_ID",
            "SECRETS",
            "sshKeys",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "VERSION",
            "TOKENIZER",
            "MONKEY",
            "PATH",
            "KEYBOARD",
            "AUTHOR",
            "PATTERN",
            "PASSENGER",
            "",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
