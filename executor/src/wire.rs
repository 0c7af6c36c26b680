//! What the parent and the stage say to each other: postcard, one order in, framed reports out.
//!
//! A report is a little-endian `u32` length and that many bytes. Both sides are the same binary,
//! so there are no versions; what comes from the stage is bounded and checked all the same.

use serde::{Deserialize, Serialize};

use crate::bytes::Bytes;
use crate::cgroup::Door;
use crate::error::{Error, Operation};
use crate::plan::Step;
use crate::stubs::Trace;

/// Descriptor numbers of the stage.
pub(crate) mod descriptor {
    /// The order, in a memory file that is written and sealed before the stage reads it.
    pub(crate) const ORDER: i32 = 3;
    /// The pipe for reports; closed by the command's execution.
    pub(crate) const REPORT: i32 = 4;
    /// The pipe with a byte when the order is written, and one when the command may be executed; closed
    /// when the parent is gone.
    pub(crate) const LEAVE: i32 = 5;
    /// The network namespace to be joined, when there is one.
    pub(crate) const NETWORK: i32 = 6;
    /// The socket through which descriptors are handed out, in the order of the steps: the outer end of the
    /// terminal, the file systems in memory, the listener of a filter.
    pub(crate) const OUT: i32 = 7;
    /// The first number above them: what is to become one of them must not be one of them.
    pub(crate) const ABOVE: i32 = 8;
}

/// What comes through [`descriptor::LEAVE`].
pub(crate) const GO_ON: u8 = b'g';

/// `argv[0]` of the stage.
pub(crate) const STAGE_NAME: &std::ffi::CStr = c"lap-sandbox";

/// `argv[0]` of the guard, whose only descriptor is its socket, in the order's place.
pub(crate) const GUARD_NAME: &std::ffi::CStr = c"lap-guard";

/// `argv[0]` of what becomes the program that connects a network: its order is that command, and its
/// report a byte of that program's. Where it has a socket to hand something out, it makes the network
/// namespace itself and sends it through that.
pub(crate) const CONNECTOR_NAME: &std::ffi::CStr = c"lap-connector";

/// The most that is accepted as one report.
const MAX_REPORT: usize = 16 << 20;

/// Everything the stage has to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) steps: Vec<Step>,
    /// Standard input and output were made for this sandbox and can be given to its user.
    pub(crate) owns_stdio: bool,
    /// For [`Step::JoinGroup`] and [`Step::ShowGroups`].
    pub(crate) groups: Vec<Door>,
    /// Somebody listens for sockets ([`Step::TellOfSockets`]): else the network is connected already.
    pub(crate) has_listener: bool,
}

/// What the stage tells.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// All is set up, the command is about to be executed.
    Ready { traces: Vec<Trace> },
    /// It cannot be.
    Failed { error: Error, traces: Vec<Trace> },
}

impl Order {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Error> {
        postcard::to_stdvec(self).map_err(protocol(Operation::Encode, "order"))
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        postcard::from_bytes(bytes).map_err(protocol(Operation::Decode, "order"))
    }
}

impl Report {
    /// The report as a frame.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Error> {
        let body = postcard::to_stdvec(self).map_err(protocol(Operation::Encode, "report"))?;
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        Ok([&length.to_le_bytes()[..], &body].concat())
    }

    /// The last of the frames in `bytes`, if there is any.
    pub(crate) fn decode_last(mut bytes: &[u8]) -> Result<Option<Self>, Error> {
        let mut last = None;
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let body = rest.get(..length).filter(|_| length <= MAX_REPORT);
            let body = body.ok_or_else(|| protocol(Operation::Decode, "report")("truncated"))?;
            last = Some(body);
            bytes = rest.get(length..).unwrap_or_default();
        }
        let decode =
            |body| postcard::from_bytes(body).map_err(protocol(Operation::Decode, "report"));
        last.map(decode).transpose()
    }
}

/// The order of a connector.
pub(crate) fn encode_command(words: &[Bytes]) -> Result<Vec<u8>, Error> {
    postcard::to_stdvec(words).map_err(protocol(Operation::Encode, "order"))
}

pub(crate) fn decode_command(bytes: &[u8]) -> Result<Vec<Bytes>, Error> {
    postcard::from_bytes(bytes).map_err(protocol(Operation::Decode, "order"))
}

fn protocol<E: ToString>(operation: Operation, subject: &str) -> impl FnOnce(E) -> Error {
    let subject = subject.to_owned();
    move |error| Error::Protocol { operation, subject, reason: error.to_string() }
}
