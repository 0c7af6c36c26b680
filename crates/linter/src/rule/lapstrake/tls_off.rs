//! # Downloads check who sends them
//!
//! Without a look at certificates, whoever is on the way can put something else into the image. Looks at flags and
//! settings of curl, wget, git, npm, yarn, pip, apt, yum and dnf, and at variables that have tools look away.
//! Downloads from the machine itself do not count.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN curl -fsSLk https://example.com/tool -o /usr/bin/tool
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN curl -fsSL https://example.com/tool -o /usr/bin/tool
//! ```
//!
//! **Fix**: none: where the certificate is unknown, it has to be installed first.

use lapstrake_parser::{ArgDeclaration, Instruction, InstructionKind, Severity, Span};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::shell::{Command, ShellWord};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::own("tls-off", Severity::Warning, Check::Instruction(check));

/// Flags of curl whose value may stand in the same word (curl(1)).
const CURL_VALUES: &str = "AbcCdDeEFhHKmoPQrtTuUwxXyYzZ";

/// Variables that turn the check off, and the values that do not.
const VARIABLES: [(&str, &[&str]); 6] = [
    ("NODE_TLS_REJECT_UNAUTHORIZED", &["1", ""]),
    ("PYTHONHTTPSVERIFY", &["1", ""]),
    ("GIT_SSL_NO_VERIFY", &[""]),
    ("NPM_CONFIG_STRICT_SSL", &["true", "1", ""]),
    ("npm_config_strict_ssl", &["true", "1", ""]),
    ("PIP_TRUSTED_HOST", &[""]),
];

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    if let InstructionKind::Env(pairs) = &instruction.kind {
        for pair in pairs {
            if is_off(pair.key.as_str(), pair.value.as_str().trim_matches(['"', '\''])) {
                report(pair.key.span().cover(pair.value.span()), pair.key.as_str(), findings);
            }
        }
        return;
    }
    if let InstructionKind::Arg(declarations) = &instruction.kind {
        for ArgDeclaration { name, value } in declarations {
            let Some(value) = value else { continue };
            if is_off(name.as_str(), value.as_str().trim_matches(['"', '\''])) {
                report(name.span().cover(value.span()), name.as_str(), findings);
            }
        }
        return;
    }
    let Some(run) = Run::of(subject, instruction) else { return };
    for command in &run.script.commands {
        let exported = command.arguments().iter().filter(|_| command.name() == "export");
        for word in command.assignments.iter().chain(exported) {
            let (name, value) = word.text.split_once('=').unwrap_or_default();
            if is_off(name, value) {
                report(word.span, name, findings);
            }
        }
        if let Some((span, what)) = of_command(command).filter(|_| !is_local(command)) {
            report(span, &what, findings);
        }
    }
}

fn report(span: Span, what: &str, findings: &mut Findings<'_>) {
    let draft = findings.add(span, format!("`{what}` has certificates go unchecked"));
    draft.help("leave it out; install the certificate if it is one of your own");
}

fn is_off(name: &str, value: &str) -> bool {
    let variable = VARIABLES.iter().find(|(variable, _)| *variable == name);
    variable.is_some_and(|(_, harmless)| !harmless.contains(&value) && !value.starts_with('$'))
}

/// The words of a command that turn the check off.
fn of_command(command: &Command) -> Option<(Span, String)> {
    let word =
        |is_it: &dyn Fn(&str) -> bool| command.arguments().iter().find(|word| is_it(&word.text));
    let found = match command.base_name() {
        "curl" => {
            word(&|text| matches!(text, "--insecure" | "--proxy-insecure") || curl_is_told(text))
        }
        "wget" => word(&|text| text == "--no-check-certificate"),
        "git" => word(&|text| {
            let text = text.to_ascii_lowercase();
            matches!(text.as_str(), "http.sslverify=false" | "http.sslverify=0")
        }),
        "pip" | "pip3" => word(&|text| text.starts_with("--trusted-host")),
        "python" | "python3" if command.has_argument("pip") => {
            word(&|text| text.starts_with("--trusted-host"))
        }
        "npm" | "pnpm" | "yarn" => {
            let words = ["--strict-ssl=false", "--no-strict-ssl", "strict-ssl=false"];
            word(&|text| words.contains(&text))
        }
        "yum" | "dnf" | "microdnf" => word(&|text| {
            matches!(text.trim_start_matches("--setopt="), "sslverify=false" | "sslverify=0")
        }),
        "apt" | "apt-get" => word(&|text| {
            let text = text.to_ascii_lowercase();
            let (name, value) = text.split_once('=').unwrap_or_default();
            name.contains("acquire::https::verify-") && matches!(value, "false" | "0" | "no")
        }),
        _ => None,
    };
    let one = |word: &ShellWord| (word.span, word.text.clone());
    found.map(one).or_else(|| of_settings(command))
}

/// Two words one after the other, as `git config` and `npm config` take them.
fn of_settings(command: &Command) -> Option<(Span, String)> {
    let settings: &[&str] = match command.base_name() {
        "git" => &["http.sslverify"],
        "npm" | "pnpm" | "yarn" => &["strict-ssl"],
        _ => return None,
    };
    let pair = command.arguments().windows(2).find(|pair| match pair {
        [name, value] => {
            let name = name.text.to_ascii_lowercase();
            settings.contains(&name.as_str()) && matches!(value.text.as_str(), "false" | "0")
        }
        _ => false,
    })?;
    let [name, value] = pair else { return None };
    Some((name.span.cover(value.span), format!("{} {}", name.text, value.text)))
}

/// True for `-k`, also among other flags without a value.
fn curl_is_told(text: &str) -> bool {
    let Some(flags) = text.strip_prefix('-').filter(|flags| !flags.starts_with('-')) else {
        return false;
    };
    flags.chars().take_while(|flag| !CURL_VALUES.contains(*flag)).any(|flag| flag == 'k')
}

fn is_local(command: &Command) -> bool {
    let hosts = ["://localhost", "://127.0.0.1", "://[::1]"];
    command.arguments().iter().any(|word| hosts.iter().any(|host| word.text.contains(host)))
}
