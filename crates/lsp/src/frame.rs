//! Bytes to messages: the base protocol of LSP, and JSON-RPC 2.0.

use std::io::{self, BufRead, Read as _, Write};

use lsp_server::{ErrorCode, Message, Notification, Request, RequestId};
use serde_json::{Value, json};

/// The longest line of a header.
const LONGEST_LINE: u64 = 4 << 10;

/// The longest message. A longer one is read past.
const LONGEST: u64 = 64 << 20;

/// What was read.
#[derive(Debug)]
pub(crate) enum Frame {
    Message(Message),
    Fault(Fault),
}

/// A message that is none.
#[derive(Debug)]
pub(crate) struct Fault {
    /// What it would be answered to, if that can be told.
    id: Option<RequestId>,
    code: ErrorCode,
    message: String,
}

impl Fault {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { id: None, code, message: message.into() }
    }

    /// Answers it with the error of JSON-RPC; the id is null where there is none (5).
    pub(crate) fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let error = json!({ "code": self.code as i32, "message": self.message });
        let text = json!({ "jsonrpc": "2.0", "id": self.id, "error": error }).to_string();
        write!(output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
        output.flush()
    }
}

/// The next message, or nothing once the client has gone away.
pub(crate) fn read(input: &mut impl BufRead) -> Option<Frame> {
    let length = match header(input).ok()? {
        Header::Length(length) => length,
        Header::None => {
            let message = "the header names no Content-Length";
            return Some(Frame::Fault(Fault::new(ErrorCode::ParseError, message)));
        }
        Header::End => return None,
    };
    if length > LONGEST {
        io::copy(&mut input.take(length), &mut io::sink()).ok()?;
        let message = format!("a message of {length} bytes, more than {LONGEST}");
        return Some(Frame::Fault(Fault::new(ErrorCode::ParseError, message)));
    }
    let mut body = Vec::new();
    let read = input.take(length).read_to_end(&mut body).ok()?;
    if u64::try_from(read) != Ok(length) {
        return None;
    }
    Some(message(&body).map_or_else(Frame::Fault, Frame::Message))
}

enum Header {
    Length(u64),
    None,
    End,
}

/// Reads up to the blank line. Fields that are not known are passed over.
fn header(input: &mut impl BufRead) -> io::Result<Header> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        input.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(Header::End);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            return Ok(length.map_or(Header::None, Header::Length));
        }
        let field = line.split_once(':');
        if let Some((_, value)) =
            field.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            length = value.trim().parse().ok();
        }
    }
}

/// Reads the body of a message.
fn message(body: &[u8]) -> Result<Message, Fault> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Fault::new(ErrorCode::ParseError, format!("no JSON: {error}")))?;
    let invalid = |what: &str| Fault::new(ErrorCode::InvalidRequest, what);
    let Value::Object(mut fields) = value else { return Err(invalid("a message is an object")) };
    let id = fields.remove("id").filter(|id| !id.is_null());
    let id: Option<RequestId> = match id.map(serde_json::from_value) {
        Some(Err(_)) => return Err(invalid("an id is a number of 32 bits or a text")),
        Some(Ok(id)) => Some(id),
        None => None,
    };
    let with_id = |fault: Fault| Fault { id: id.clone(), ..fault };
    if fields.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(with_id(invalid("`jsonrpc` is not \"2.0\"")));
    }
    let params = fields.remove("params").unwrap_or_default();
    if !matches!(params, Value::Null | Value::Object(_) | Value::Array(_)) {
        return Err(with_id(invalid("`params` is neither an object nor an array")));
    }
    match (fields.remove("method"), id.clone()) {
        (Some(Value::String(method)), Some(id)) => {
            Ok(Message::Request(Request { id, method, params }))
        }
        (Some(Value::String(method)), None) => {
            Ok(Message::Notification(Notification { method, params }))
        }
        (None, Some(id)) if fields.contains_key("result") || fields.contains_key("error") => {
            let result = fields.remove("result").unwrap_or_default();
            Ok(Message::Response(lsp_server::Response { id, response_result: Ok(result) }))
        }
        _ => Err(with_id(invalid("a message has a method, a result or an error"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes of the faults, and 0 for what is a message.
    fn codes(input: &str) -> Vec<i32> {
        let mut input = io::Cursor::new(input.as_bytes().to_vec());
        let frames = std::iter::from_fn(|| read(&mut input));
        let code = |frame| match frame {
            Frame::Message(_) => 0,
            Frame::Fault(fault) => fault.code as i32,
        };
        frames.map(code).collect()
    }

    fn framed(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    #[test]
    fn what_is_no_message_is_told_and_the_next_one_is_read() {
        let good = framed(r#"{"jsonrpc":"2.0","method":"x"}"#);
        for (bad, code) in [
            (framed("{"), -32700),
            (framed("nul"), -32700),
            (framed(&"[".repeat(10_000)), -32700),
            (framed("\"\\ud800\""), -32700),
            ("Content-Length: x\r\n\r\n".to_owned(), -32700),
            ("Content-Length: -1\r\n\r\n".to_owned(), -32700),
            ("Hello: x\r\n\r\n".to_owned(), -32700),
            (framed("[]"), -32600),
            (framed("1"), -32600),
            (framed("{}"), -32600),
            (framed(r#"{"method":"x"}"#), -32600),
            (framed(r#"{"jsonrpc":"2.0","method":1,"id":1}"#), -32600),
            (framed(r#"{"jsonrpc":"2.0","method":"x","id":{}}"#), -32600),
            (framed(r#"{"jsonrpc":"2.0","method":"x","id":1e30}"#), -32600),
            (framed(r#"{"jsonrpc":"2.0","method":"x","params":"y"}"#), -32600),
            (framed(r#"{"jsonrpc":"2.0","id":1}"#), -32600),
        ] {
            assert_eq!(codes(&format!("{bad}{good}")), [code, 0], "{bad}");
        }
        let request = framed(r#"{"jsonrpc":"2.0","method":"x","id":"a"}"#);
        let response = framed(r#"{"jsonrpc":"2.0","id":1,"result":null}"#);
        let typed = request.replacen("Content", "Content-Type: a\r\ncontent", 1);
        assert_eq!(codes(&format!("{request}{response}{typed}")), [0, 0, 0]);
    }

    #[test]
    fn a_client_that_goes_away_ends_it() {
        assert!(codes("").is_empty());
        assert!(codes("Content-Length: 10\r\n\r\n{}").is_empty());
        assert_eq!(codes("Content-Length: 99999999999999\r\n\r\n{}"), [-32700]);
    }
}
