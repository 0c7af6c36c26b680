//! RUN, CMD, ENTRYPOINT and SHELL.

use lapstrake_parser::{CommandForm, Diagnostic, Heredoc, Span, Word};

use super::fault::Faults;
use super::stage::{Build, Shown, Stage, Written};
use super::{argument, format, heredoc, mount, privilege};
use crate::graph::{InlineFile, Limit, Op, RunOp};

/// The shell of shell forms when no SHELL was given.
const DEFAULT_SHELL: [&str; 2] = ["/bin/sh", "-c"];
/// BuildKit's; scripts were written against it.
const HOSTNAME: &str = "buildkitsandbox";
/// The build argument that gives another one.
const HOSTNAME_ARGUMENT: &str = "BUILDKIT_SANDBOX_HOSTNAME";
/// Where scripts of here-documents appear.
const SCRIPTS: &str = "/dev/pipes/";

/// Arguments that reach every RUN without a declaration.
const PROXY: [&str; 5] = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"];

pub(super) fn run(
    build: &mut Build<'_>,
    stage: &mut Stage,
    from: Written<'_>,
    form: &CommandForm,
) -> Result<(), Faults> {
    let (words, files) = match form {
        CommandForm::Exec(words) => (texts(words), Vec::new()),
        CommandForm::Shell(line) => {
            let (line, files) = script(line, &from.instruction.heredocs)?;
            (in_shell(stage, line), files)
        }
    };
    let history = format!("RUN {}{} # lap", argument::history(stage), words.join(" "));
    let mut faults = Faults::default();
    let devices = faults.sort_out(privilege::devices(build, from.instruction));
    let network = faults.sort_out(privilege::network(build, from.instruction));
    let security = faults.sort_out(privilege::security(build, from.instruction));
    let mounts = faults.sort_out(mount::mounts(build, stage, from));
    let (Some(()), Some(network), Some(security), Some(mounts)) =
        (devices, network, security, mounts)
    else {
        return Err(faults);
    };
    let mut env = stage.environment.to_pairs();
    if let (Some(socket), None) = (mounts.agent, stage.environment.value(mount::AGENT_VARIABLE)) {
        env.push((mount::AGENT_VARIABLE.to_owned(), socket));
    }
    let hostname = build.options.arguments.get(HOSTNAME_ARGUMENT);
    let hostname = hostname.map(String::as_str).filter(|name| !name.is_empty());
    let op = Op::Run(RunOp {
        platform: stage.platform.to_string(),
        argv: words,
        env,
        cwd: stage.written_directory().to_owned(),
        user: stage.image.config.user.clone(),
        network,
        security,
        limits: limits(build),
        mounts: mounts.mounts,
        secrets: mounts.secrets,
        files,
        hostname: hostname.unwrap_or(HOSTNAME).to_owned(),
        hosts: build.options.hosts.clone(),
        proxy: proxy(build),
    });
    let (sources, mut words) = (mounts.sources, mounts.words);
    words.push(program(stage, from, form));
    words.push(stage.user_place.unwrap_or(from.instruction.span));
    build.push(stage, from, Shown { op, sources, words, history });
    Ok(())
}

/// Where the program of a command is named.
fn program(stage: &Stage, from: Written<'_>, form: &CommandForm) -> Span {
    let named = match form {
        CommandForm::Exec(words) => words.first().map(Word::span),
        CommandForm::Shell(_) => stage.shell_place,
    };
    named.unwrap_or(from.instruction.span)
}

/// The text for the shell. A line that is nothing but a here-document stands for its content: as
/// it is, or as a file of its own when it names its interpreter. Any other line keeps its
/// here-documents, for the shell to read.
fn script(line: &Word, heredocs: &[Heredoc]) -> Result<(String, Vec<InlineFile>), Diagnostic> {
    let Some(first) = heredocs.first() else {
        return Ok((line.text.to_string(), Vec::new()));
    };
    let is_whole = first.marker == line.span();
    if !is_whole {
        let mut text = line.text.to_string();
        for heredoc in heredocs {
            text.push('\n');
            text.push_str(&heredoc.content);
            text.push_str(&heredoc.name);
        }
        return Ok((text, Vec::new()));
    }
    let content = first.text();
    if !content.starts_with("#!") {
        return Ok((content.into_owned(), Vec::new()));
    }
    let path = format!("{SCRIPTS}{}", heredoc::file_name(first)?);
    let file = InlineFile { path: path.clone(), content: content.into_owned(), mode: 0o755 };
    Ok((path, vec![file]))
}

/// In one order, as that does not count; of two on one resource the later one does.
fn limits(build: &Build<'_>) -> Vec<Limit> {
    let mut limits = build.options.run.limits.clone();
    limits.reverse();
    limits.sort_by(|a, b| a.name.cmp(&b.name));
    limits.dedup_by(|later, earlier| later.name == earlier.name);
    limits
}

/// Proxy arguments in upper and lower case, as programs look for either.
fn proxy(build: &Build<'_>) -> Vec<(String, String)> {
    let given = build.options.arguments.iter();
    let proxies = given.filter(|(name, _)| PROXY.contains(&name.to_lowercase().as_str()));
    proxies
        .flat_map(|(name, value)| {
            [(name.to_uppercase(), value.clone()), (name.to_lowercase(), value.clone())]
        })
        .collect()
}

pub(super) fn cmd(stage: &mut Stage, form: &CommandForm) {
    let words = words(stage, form);
    stage.note(format!("CMD {}", format::quoted_list(&words)));
    stage.has_cmd = true;
    let config = stage.config();
    config.cmd = words;
    config.args_escaped = true;
}

/// A CMD that was inherited goes: it was made for another entry point.
pub(super) fn entrypoint(stage: &mut Stage, form: &CommandForm) {
    let words = words(stage, form);
    stage.note(format!("ENTRYPOINT {}", format::quoted_list(&words)));
    if !stage.has_cmd {
        stage.config().cmd.clear();
    }
    stage.config().entrypoint = words;
}

pub(super) fn shell(stage: &mut Stage, from: Written<'_>, shell: &[Word]) {
    stage.shell_place = shell.first().map(|word| from.place(word.span()));
    let shell = texts(shell);
    stage.note(format!("SHELL {}", format::plain_list(&shell)));
    stage.config().shell = shell;
}

fn words(stage: &Stage, form: &CommandForm) -> Vec<String> {
    match form {
        CommandForm::Exec(words) => texts(words),
        CommandForm::Shell(line) => in_shell(stage, line.text.to_string()),
    }
}

fn in_shell(stage: &Stage, line: String) -> Vec<String> {
    let mut words = stage.image.config.shell.clone();
    if words.is_empty() {
        words = DEFAULT_SHELL.map(String::from).into();
    }
    words.push(line);
    words
}

fn texts(words: &[Word]) -> Vec<String> {
    words.iter().map(|word| word.text.to_string()).collect()
}
