//! The commands: one file or folder for each.

mod ast;
mod build;
mod cache;
mod diff;
mod explain;
mod export;
mod fmt;
mod history;
mod images;
mod import;
mod input;
mod inspect;
mod limit;
mod lint;
mod load;
mod login;
mod lsp;
mod manifest;
mod pull;
mod push;
mod rmi;
mod run;
mod save;
mod search;
mod tag;

use crate::args::{Arguments, BuildCommand, BuildOrCommand, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;
use crate::thread;

/// Runs the command that was typed.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let command = match arguments.command {
        Command::Image(command) => command.into(),
        command => command,
    };
    thread::end_where_none_starts(match command {
        Command::Run(_) => Exit::ENGINE,
        Command::Lint(_) | Command::Fmt(_) => Exit::USAGE,
        _ => Exit::FAILED,
    });
    let heeds_signals = matches!(command, Command::Build(_) | Command::Run(_));
    let session = Session::new(arguments.root, heeds_signals);
    run_command(command, &session).map_err(|failure| session.with_room(failure))
}

fn run_command(command: Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Image(command) => run_command(command.into(), session),
        Command::Build(asked) => build(asked, session),
        Command::Run(run) => run::run(&run, session),
        Command::Images(images) => images::run(&images, session),
        Command::ImagePrune(prune) => images::prune::run(&prune, session),
        Command::Rmi(rmi) => rmi::run(&rmi, session),
        Command::Tag(tag) => tag::run(&tag, session),
        Command::Inspect(inspect) => inspect::run(&inspect, session),
        Command::History(history) => history::run(&history, session),
        Command::Diff(diff) => diff::run(&diff, session),
        Command::Export(export) => export::run(&export, session),
        Command::Save(save) => save::run(&save, session),
        Command::Load(load) => load::run(&load, session),
        Command::Import(import) => import::run(&import, session),
        Command::Pull(pull) => pull::run(&pull, session),
        Command::Push(push) => push::run(&push, session),
        Command::Login(login) => login::log_in(&login),
        Command::Logout(logout) => login::log_out(&logout),
        Command::Ast(ast) => ast::run(&ast),
        Command::Cache(command) => cache::run(&command, session),
        Command::Fmt(fmt) => fmt::run(&fmt),
        Command::Lint(lint) => lint::run(session, &lint),
        Command::Lsp(_) => lsp::run(session),
        Command::Search(search) => search::run(&search),
        Command::Manifest(command) => manifest::run(&command, session),
        Command::Explain(explain) => explain::run(&explain),
        Command::Version => version(),
    }
}

fn build(asked: BuildOrCommand, session: &Session) -> Result<Exit, Failure> {
    match asked {
        BuildOrCommand::Build(build) => build::run(&build, session),
        BuildOrCommand::Command(BuildCommand::Logs(logs)) => build::logs(&logs, session),
    }
}

fn version() -> Result<Exit, Failure> {
    output::stdout(concat!("lap ", env!("CARGO_PKG_VERSION"), "\n"))?;
    Ok(Exit::SUCCESS)
}
