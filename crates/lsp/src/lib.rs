//! A language server for Dockerfiles: what `lap lsp` speaks with an editor (LSP 3.17).
//!
//! [`serve`] reads messages and writes answers until the client says `exit` or goes away. It reads no file
//! and no environment: what it wants to know beside the open documents it asks of a [`Workspace`].
//!
//! One thread reads, another answers, one message after the other: what is asked here takes milliseconds.
//! Findings are published once nothing else is waiting, so that a fast typist gets those of the last text
//! only. Nothing a client sends makes the server panic: a message that is none gets the error that JSON-RPC
//! has for it, and the next one is read.
//!
//! Where to start reading: `frame` (bytes to messages), `server` (what is done with each), `document` and
//! `position` (texts, and places as the client counts them), then one file for each thing that is asked for.

mod action;
mod capability;
mod complete;
mod document;
mod finding;
mod form;
mod frame;
mod hint;
mod hover;
mod instruction;
mod names;
mod navigate;
mod outline;
mod position;
mod server;
mod typed;
mod value;
mod variable;
mod workspace;

use std::io::{self, BufRead, Write};
use std::sync::mpsc::sync_channel;
use std::thread;

use self::frame::Frame;
use self::server::Server;
pub use self::workspace::{ContextEntry, Facts, Image, Rules, Workspace};

/// How many messages wait to be answered before no more are read.
const WAITING: usize = 64;

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client said `shutdown` and then `exit`.
    Orderly,
    /// It said `exit` alone, or went away.
    Early,
}

/// Serves one client to the end of the session.
///
/// # Errors
/// The output cannot be written. An input that cannot be read is a client that went away.
pub fn serve(
    input: impl BufRead + Send + 'static,
    mut output: impl Write,
    workspace: &dyn Workspace,
) -> io::Result<End> {
    let (sender, messages) = sync_channel(WAITING);
    // It ends with the input, or with the first message that nobody takes any more.
    thread::spawn(move || {
        let mut input = input;
        while let Some(frame) = frame::read(&mut input) {
            if sender.send(frame).is_err() {
                break;
            }
        }
    });
    let mut server = Server::new(workspace);
    while let Ok(first) = messages.recv() {
        for frame in std::iter::once(first).chain(messages.try_iter()) {
            match frame {
                Frame::Message(message) => server.take(message, &mut output)?,
                Frame::Fault(fault) => fault.write(&mut output)?,
            }
            if let Some(end) = server.end() {
                return Ok(end);
            }
        }
        server.publish(&mut output)?;
    }
    Ok(End::Early)
}
