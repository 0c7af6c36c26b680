//! # USER names a user of the image
//!
//! A name is looked for in the image's `/etc/passwd`, and that of a group in `/etc/group`, when a command is
//! started. Where it is not there, neither RUN nor a container starts. Looks at `scratch`, and at base images
//! that are in the store, as far as nothing behind FROM could have added the name.
//!
//! ```dockerfile
//! FROM debian:12
//! USER app
//! CMD ["server"]
//! ```
//!
//! Add the user, or give a number, which needs no entry:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN useradd --system --uid 900 app
//! USER app
//! CMD ["server"]
//! ```
//!
//! **Fix**: none: which user is meant is for the author to say.

use lapstrake_parser::{InstructionKind, Severity, Stage};
use lapstrake_rootfs::passwd::UserDb;

use crate::files::HEAD;
use crate::finding::Findings;
use crate::root::{Found, Root};
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::own("user-not-in-image", Severity::Error, Check::Stage(check));

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    for instruction in stage.instructions {
        let InstructionKind::User(word) = &instruction.kind else { continue };
        let text = word.as_str();
        if text.contains(['$', '\\', '"', '\'']) {
            continue;
        }
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        let asked = [(user, "/etc/passwd"), (group, "/etc/group")];
        let asked = asked.into_iter().filter(|(name, _)| !is_number(name) && !name.is_empty());
        let mut asked = asked.peekable();
        if asked.peek().is_none() {
            continue;
        }
        let Some(root) = Root::before(subject, stage, Some(instruction)) else { return };
        if let Some((name, file)) = asked.find(|(name, file)| is_missing(&root, name, file)) {
            let image = subject.ground(stage).0.from.image.span();
            let what = format!("`{name}` is not in the image's {file}");
            let help = "add it with RUN, or give a number";
            findings
                .add(word.span(), what)
                .help(help)
                .label(image, "the files of this image are known");
        }
    }
}

/// True if that is sure.
fn is_missing(root: &Root<'_>, name: &str, file: &str) -> bool {
    let content = match root.find(file) {
        Found::Absent => Vec::new(),
        Found::Unknown => return false,
        Found::There(..) => match root.head(file) {
            Some(content) if content.len() < HEAD => content,
            _ => return false,
        },
    };
    match file {
        // Without the list root is known all the same.
        _ if name == "root" => false,
        "/etc/passwd" => {
            let users = UserDb { passwd: content, group: Vec::new() };
            users.user(name.as_bytes()).is_none()
        }
        _ => {
            let groups = UserDb { passwd: Vec::new(), group: content };
            groups.group(name.as_bytes()).is_none()
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
