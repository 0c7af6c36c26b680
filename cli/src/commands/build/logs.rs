//! `lap build logs`.

use std::io::Read;

use lapstrake_cache::{Log, LogState, LoggedStep};

use crate::args::BuildLogs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::step_name::meant;
use crate::table::list;
use crate::text::{harmless, one_line};
use crate::{human, output};

const COLUMNS: [&str; 5] = ["BUILD", "BEGAN", "STATE", "STEPS", "DOCKERFILE"];

/// What is read of a log at a time.
const PIECE: usize = 64 * 1024;

/// Shows what the steps of a build wrote, or which builds there are.
pub(crate) fn run(asked: &BuildLogs, session: &Session) -> Result<Exit, Failure> {
    let logs = match session.store_to_read_if_there()? {
        Some(store) => store.logs()?,
        None => Vec::new(),
    };
    let Some(id) = &asked.build else {
        output::stdout(&table(&logs))?;
        return Ok(Exit::SUCCESS);
    };
    let command = session.command();
    let log = find(logs, id, &command)?;
    let is_line_open = match &asked.step {
        Some(wanted) => show(&log, step(&log, id, wanted, &command)?)?,
        None => {
            let mut is_line_open = false;
            for step in &log.steps {
                let end = if is_line_open { "\n" } else { "" };
                output::stdout(&(end.to_owned() + &heading(step)))?;
                is_line_open = step.number.map_or(Ok(false), |number| show(&log, number))?;
            }
            is_line_open
        }
    };
    if is_line_open && output::stdout_is_terminal() {
        output::stdout("\n")?;
    }
    Ok(Exit::SUCCESS)
}

/// The number of the step that is meant by `wanted`, which is that, its place or its text.
fn step(log: &Log, id: &str, wanted: &str, command: &str) -> Result<u32, Failure> {
    let begun = log.steps.iter().filter_map(|step| Some((step.number?, &step.name)));
    let number = wanted.strip_prefix('#').unwrap_or(wanted).parse::<u32>();
    let named: Vec<(u32, &String)> = match number {
        Ok(wanted) => begun.filter(|(number, _)| *number == wanted).collect(),
        Err(_) => begun.filter(|(_, name)| meant(name, wanted).is_some()).collect(),
    };
    let wanted = one_line(wanted);
    match named[..] {
        [] => Err(Failure::new(format!("the build {id} has no step {wanted}"))
            .help(format!("{command} build logs {id} lists those that began"))),
        [(number, _)] => Ok(number),
        _ => {
            let named = named.iter().map(|(number, name)| format!("#{number} {}", one_line(name)));
            let named: Vec<String> = named.collect();
            Err(Failure::new(format!("{wanted} stands for several steps"))
                .help(format!("write the number of one of them: {}", named.join("; "))))
        }
    }
}

/// The log of a build by the beginning of its id, or the last one. `command` is how the one begins that
/// lists them.
fn find(logs: Vec<Log>, id: &str, command: &str) -> Result<Log, Failure> {
    let mut logs = logs.into_iter();
    let found = match id {
        "last" => logs.next(),
        _ => {
            let mut found = logs.filter(|log| log.id.starts_with(id));
            let first = found.next();
            if found.next().is_some() {
                let message = format!("several builds have an id that begins with {id}");
                return Err(Failure::new(message).help("write more of it"));
            }
            first
        }
    };
    found.ok_or_else(|| {
        Failure::new(format!("there is no log of a build {id}")).help(format!(
            "{command} build logs lists those that are kept: the last 100 that executed a step"
        ))
    })
}

fn table(logs: &[Log]) -> String {
    let row = |log: &Log| {
        [
            log.id.clone(),
            human::since(log.time),
            state(&log.state).to_owned(),
            log.steps.len().to_string(),
            log.subject.clone(),
        ]
    };
    list(COLUMNS, &logs.iter().map(row).collect::<Vec<_>>())
}

fn state(state: &LogState) -> &str {
    match state {
        LogState::Running => "running",
        LogState::Killed => "killed",
        LogState::Over(outcome) => outcome,
    }
}

fn heading(step: &LoggedStep) -> String {
    let LoggedStep { number, name, end, .. } = step;
    let end = match end {
        Some((outcome, _)) if outcome == "cached" => outcome.clone(),
        Some((outcome, milliseconds)) => {
            format!("{outcome} after {}.{}s", milliseconds / 1000, milliseconds % 1000 / 100)
        }
        None if number.is_none() => "not begun".to_owned(),
        None => "not ended".to_owned(),
    };
    let number = number.map(|number| format!("#{number} ")).unwrap_or_default();
    harmless(&format!("--- {number}{} ({end})", one_line(name))) + "\n"
}

/// Shows what a step wrote, byte for byte unless it goes to a terminal. Returns whether its last line has no end.
fn show(log: &Log, number: u32) -> Result<bool, Failure> {
    let Some(mut from) = log.output(number)? else { return Ok(false) };
    let mut buffer = vec![0; PIECE];
    let mut last = b'\n';
    loop {
        let read = from.read(&mut buffer);
        let read = read.map_err(|error| Failure::new("the log is damaged").because(&error))?;
        let bytes = buffer.get(..read).unwrap_or_default();
        let Some(end) = bytes.last() else { break };
        last = *end;
        output::foreign_bytes(bytes)?;
    }
    Ok(last != b'\n')
}
