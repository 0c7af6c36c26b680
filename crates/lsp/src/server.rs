//! What is done with each message.

use std::collections::BTreeMap;
use std::io::{self, Write};

use lsp_server::{ErrorCode, Message, Notification, Request, Response};
use lsp_types::{
    CodeActionParams, CompletionParams, DidChangeTextDocumentParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, DocumentFormattingParams, DocumentSymbolParams, FoldingRangeParams,
    GotoDefinitionParams, HoverParams, InitializeParams, InlayHint, InlayHintParams, MessageType,
    PublishDiagnosticsParams, ReferenceParams, RenameParams, ShowMessageParams,
    TextDocumentPositionParams, Uri,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::document::{Document, LookedAt};
use crate::finding::Elsewhere;
use crate::position::Encoding;
use crate::workspace::Workspace;
use crate::{End, action, capability, complete, finding, form, hint, hover, navigate, outline};

/// How far the session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Running,
    /// After `shutdown`: only `exit` may come.
    Down,
    Ended(End),
}

/// One session.
pub(crate) struct Server<'w> {
    workspace: &'w dyn Workspace,
    state: State,
    encoding: Encoding,
    /// By their addresses as text.
    documents: BTreeMap<String, Document>,
    /// What is wrong with configurations, as the user was told last.
    told: Option<String>,
    /// What was published of files that are no documents.
    elsewhere: Elsewhere,
}

/// Why a request has no answer.
struct Refusal(ErrorCode, String);

type Answer = Result<Value, Refusal>;

impl<'w> Server<'w> {
    pub(crate) fn new(workspace: &'w dyn Workspace) -> Self {
        let (state, encoding) = (State::New, Encoding::default());
        let (documents, elsewhere) = (BTreeMap::new(), Elsewhere::new());
        Self { workspace, state, encoding, documents, told: None, elsewhere }
    }

    /// How the session ended, once it has.
    pub(crate) const fn end(&self) -> Option<End> {
        match self.state {
            State::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// Does what a message asks for.
    pub(crate) fn take(&mut self, message: Message, output: &mut impl Write) -> io::Result<()> {
        match message {
            Message::Request(Request { id, method, params }) => {
                let response = match self.answer(&method, params) {
                    Ok(result) => Response { id, response_result: Ok(result) },
                    Err(Refusal(code, message)) => Response::new_err(id, code as i32, message),
                };
                Message::Response(response).write(output)
            }
            Message::Notification(Notification { method, params }) => {
                self.note(&method, params, output)
            }
            // Nothing is asked of the client.
            Message::Response(_) => Ok(()),
        }
    }

    fn answer(&mut self, method: &str, params: Value) -> Answer {
        match (self.state, method) {
            (State::New, "initialize") => {
                let params: InitializeParams = read(params)?;
                let general = params.capabilities.general;
                let offered = general.and_then(|general| general.position_encodings);
                self.encoding = Encoding::chosen(offered.as_deref());
                self.state = State::Running;
                Ok(json!(capability::initialized(self.encoding)))
            }
            (State::New, _) => {
                let message = "the first request is `initialize`".to_owned();
                Err(Refusal(ErrorCode::ServerNotInitialized, message))
            }
            (State::Running, "shutdown") => {
                self.state = State::Down;
                Ok(Value::Null)
            }
            (State::Running, _) => self.look_up(method, params),
            (State::Down | State::Ended(_), _) => {
                let message = "nothing but `exit` follows `shutdown`".to_owned();
                Err(Refusal(ErrorCode::InvalidRequest, message))
            }
        }
    }

    fn look_up(&self, method: &str, params: Value) -> Answer {
        match method {
            "textDocument/codeAction" => {
                let params: CodeActionParams = read(params)?;
                let document = self.document(&params.text_document.uri)?;
                let found = document.diagnostics(self.workspace);
                Ok(json!(action::actions(document, &found, &params)))
            }
            "textDocument/hover" => {
                let place = read::<HoverParams>(params)?.text_document_position_params;
                let document = self.document(&place.text_document.uri)?;
                Ok(json!(hover::hover(document, place.position, self.workspace)))
            }
            "textDocument/inlayHint" => {
                let params: InlayHintParams = read(params)?;
                let document = self.document(&params.text_document.uri)?;
                Ok(json!(hint::hints(document, params.range, self.workspace)))
            }
            "inlayHint/resolve" => {
                let asked: InlayHint = read(params)?;
                let found =
                    hint::origin(&asked).and_then(|(uri, at)| Some((self.documents.get(uri)?, at)));
                Ok(json!(match found {
                    Some((document, at)) => {
                        hint::resolved(asked.clone(), document, at, self.workspace)
                    }
                    // Its document has been closed.
                    None => asked,
                }))
            }
            "textDocument/completion" => {
                let place = read::<CompletionParams>(params)?.text_document_position;
                let document = self.document(&place.text_document.uri)?;
                Ok(json!(complete::complete(document, place.position, self.workspace)))
            }
            "textDocument/definition" => {
                let place = read::<GotoDefinitionParams>(params)?.text_document_position_params;
                let document = self.document(&place.text_document.uri)?;
                Ok(json!(navigate::definition(document, place.position)))
            }
            "textDocument/references" => {
                let ReferenceParams { text_document_position: place, context, .. } = read(params)?;
                let document = self.document(&place.text_document.uri)?;
                let with_definitions = context.include_declaration;
                Ok(json!(navigate::references(document, place.position, with_definitions)))
            }
            "textDocument/prepareRename" => {
                let place: TextDocumentPositionParams = read(params)?;
                let document = self.document(&place.text_document.uri)?;
                Ok(json!(navigate::prepare(document, place.position)))
            }
            "textDocument/rename" => {
                let RenameParams { text_document_position: place, new_name, .. } = read(params)?;
                let document = self.document(&place.text_document.uri)?;
                let renamed = navigate::rename(document, place.position, &new_name);
                renamed
                    .map(|edit| json!(edit))
                    .map_err(|why| Refusal(ErrorCode::InvalidParams, why))
            }
            "textDocument/documentSymbol" => {
                let params: DocumentSymbolParams = read(params)?;
                Ok(json!(outline::symbols(self.document(&params.text_document.uri)?)))
            }
            "textDocument/foldingRange" => {
                let params: FoldingRangeParams = read(params)?;
                Ok(json!(outline::folds(self.document(&params.text_document.uri)?)))
            }
            "textDocument/formatting" => {
                let params: DocumentFormattingParams = read(params)?;
                Ok(json!(form::formatted(self.document(&params.text_document.uri)?)))
            }
            "initialize" => {
                let message = "`initialize` comes once".to_owned();
                Err(Refusal(ErrorCode::InvalidRequest, message))
            }
            _ => Err(Refusal(ErrorCode::MethodNotFound, format!("`{method}` is not known"))),
        }
    }

    fn document(&self, uri: &Uri) -> Result<&Document, Refusal> {
        let message = || format!("{} is not open", uri.as_str());
        let document = self.documents.get(uri.as_str());
        document.ok_or_else(|| Refusal(ErrorCode::InvalidParams, message()))
    }

    /// A notification has no answer: one that is not understood is passed over.
    fn note(&mut self, method: &str, params: Value, output: &mut impl Write) -> io::Result<()> {
        match (self.state, method) {
            (State::Down, "exit") => self.state = State::Ended(End::Orderly),
            (_, "exit") => self.state = State::Ended(End::Early),
            (State::Running, "textDocument/didOpen") => {
                if let Ok(params) = read::<DidOpenTextDocumentParams>(params) {
                    let item = params.text_document;
                    let document = Document::new(item.uri, item.version, item.text, self.encoding);
                    self.documents.insert(document.uri.as_str().to_owned(), document);
                    return self.configure(output);
                }
            }
            (State::Running, "textDocument/didChange") => {
                if let Ok(params) = read::<DidChangeTextDocumentParams>(params) {
                    let item = params.text_document;
                    if let Some(document) = self.documents.get_mut(item.uri.as_str()) {
                        document.change(item.version, params.content_changes);
                    }
                }
            }
            (
                State::Running,
                "textDocument/didSave"
                | "workspace/didChangeConfiguration"
                | "workspace/didChangeWatchedFiles",
            ) => return self.configure(output),
            (State::Running, "textDocument/didClose") => {
                if let Ok(params) = read::<DidCloseTextDocumentParams>(params) {
                    let uri = params.text_document.uri;
                    if self.documents.remove(uri.as_str()).is_some() {
                        let none = PublishDiagnosticsParams::new(uri, Vec::new(), None);
                        tell(output, "textDocument/publishDiagnostics", json!(none))?;
                        return self.publish_elsewhere(output);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads again what the projects of the documents want.
    fn configure(&mut self, output: &mut impl Write) -> io::Result<()> {
        let mut fault = None;
        for document in self.documents.values_mut() {
            let (rules, wrong) = self.workspace.rules(document.path().as_deref());
            document.rules = rules;
            document.is_due = true;
            fault = wrong.or(fault);
        }
        if fault == self.told {
            return Ok(());
        }
        self.told.clone_from(&fault);
        let Some(message) = fault else { return Ok(()) };
        let params = ShowMessageParams { typ: MessageType::ERROR, message };
        tell(output, "window/showMessage", json!(params))
    }

    /// Publishes the findings of the documents that have changed.
    pub(crate) fn publish(&mut self, output: &mut impl Write) -> io::Result<()> {
        for document in self.documents.values_mut().filter(|document| document.is_due) {
            document.is_due = false;
            let LookedAt { own, elsewhere } = document.looked_at(self.workspace);
            let params = finding::published(document, &own);
            tell(output, "textDocument/publishDiagnostics", json!(params))?;
            document.elsewhere = finding::elsewhere(document, &elsewhere);
        }
        self.publish_elsewhere(output)
    }

    /// Publishes the findings in files that builds of the documents take, where they have changed. Of files that are open
    /// as documents themselves nothing is told: what is in the file may be another text by now.
    fn publish_elsewhere(&mut self, output: &mut impl Write) -> io::Result<()> {
        let mut all = Elsewhere::new();
        for (uri, found) in self.documents.values().flat_map(|document| &document.elsewhere) {
            let list = all.entry(uri.clone()).or_default();
            let new: Vec<_> = found.iter().filter(|one| !list.contains(one)).cloned().collect();
            list.extend(new);
        }
        all.retain(|uri, _| !self.documents.contains_key(uri));
        let gone = self.elsewhere.keys().filter(|uri| !all.contains_key(*uri));
        let gone = gone.map(|uri| (uri, &[][..]));
        let changed = all.iter().filter(|(uri, found)| self.elsewhere.get(*uri) != Some(*found));
        let changed = changed.map(|(uri, found)| (uri, found.as_slice()));
        for (uri, found) in
            gone.chain(changed).filter(|(uri, _)| !self.documents.contains_key(*uri))
        {
            if let Ok(uri) = uri.parse() {
                let params = PublishDiagnosticsParams::new(uri, found.to_vec(), None);
                tell(output, "textDocument/publishDiagnostics", json!(params))?;
            }
        }
        self.elsewhere = all;
        Ok(())
    }
}

/// Sends a notification.
fn tell(output: &mut impl Write, method: &str, params: Value) -> io::Result<()> {
    Message::Notification(Notification { method: method.to_owned(), params }).write(output)
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, Refusal> {
    serde_json::from_value(params)
        .map_err(|error| Refusal(ErrorCode::InvalidParams, format!("the parameters: {error}")))
}
