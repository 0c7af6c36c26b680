//! # Packages are signed
//!
//! Package managers check who has made a package, and flags that turn this off leave it to whoever runs the
//! mirror or is on the way to it. Looks at apt, apk, yum, dnf, rpm and zypper, and at sources of apt that are `[trusted=yes]`.
//! Files that are given to apk by their paths do not count.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get install -y --allow-unauthenticated tool
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! COPY tool.asc /etc/apt/keyrings/
//! RUN apt-get update && apt-get install -y tool
//! ```
//!
//! **Fix**: none: the key has to be there first.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::shell::Command;

pub(super) static RULE: Rule =
    Rule::own("unsigned-packages", Severity::Warning, Check::Script(check));

/// Programs, and their flags that turn the check off (apt-get(8), apk(8), dnf(8), rpm(8), zypper(8)).
const FLAGS: [(&[&str], &[&str]); 5] = [
    (
        &["apt-get", "apt", "aptitude"],
        &[
            "--allow-unauthenticated",
            "--force-yes",
            "--allow-insecure-repositories",
            "--allow-untrusted",
        ],
    ),
    (&["apk"], &["--allow-untrusted"]),
    (
        &["yum", "dnf", "microdnf", "tdnf"],
        &["--nogpgcheck", "--no-gpgchecks", "--setopt=gpgcheck=0"],
    ),
    (&["rpm"], &["--nosignature", "--nodigest", "--noverify"]),
    (&["zypper"], &["--no-gpg-checks", "--allow-unsigned-rpm"]),
];

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in &run.script.commands {
        let name = command.base_name();
        // What the build itself has made is not signed by others.
        if name == "apk" && are_own(command) {
            continue;
        }
        let flags =
            FLAGS.iter().find(|(programs, _)| programs.contains(&name)).map(|(_, flags)| *flags);
        for word in command.arguments() {
            let text = word.text.as_str();
            let is_flag =
                || flags.is_some_and(|flags| flags.contains(&text)) || is_setting(name, text);
            if text.contains('[') && text.contains("[trusted=yes") && text.contains("deb") {
                let draft = findings
                    .add(word.span, "`trusted=yes`: what comes from there need not be signed");
                draft.help("name the key instead: `[signed-by=/etc/apt/keyrings/….asc]`");
            } else if is_flag() {
                let draft =
                    findings.add(word.span, format!("`{text}`: packages need not be signed"));
                draft.help("leave it out, and install the key that they are signed with");
            }
        }
    }
}

/// True if all that is added are files.
fn are_own(command: &Command) -> bool {
    let operands = command.operands(&[]);
    operands.len() > 1 && operands.iter().skip(1).all(|word| word.text.ends_with(".apk"))
}

/// `APT::Get::AllowUnauthenticated=true` of `-o`, also in one word with that.
fn is_setting(program: &str, text: &str) -> bool {
    let setting = text.split_once('=').filter(|_| matches!(program, "apt" | "apt-get"));
    let Some((name, value)) = setting else { return false };
    let name = name.to_ascii_lowercase();
    let is_it = name.ends_with("apt::get::allowunauthenticated")
        || name.ends_with("acquire::allowinsecurerepositories");
    is_it && matches!(value, "true" | "1" | "yes")
}
