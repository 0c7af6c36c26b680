"""A session with `lap lsp` through a client of the Python library pygls. No case of its own.

A case is a file `NAME_case.py` beside this one: it opens sessions, and ends with an error where the server
says something else than it should. `LAP` names the binary.
"""

import asyncio
import os
import pathlib
import tempfile

from lsprotocol import types as t
from pygls.lsp.client import LanguageClient

SECONDS = 20


class Session:
    """One server and its client. `files` are written into a folder, which is the working directory."""

    def __init__(self, files=None, encodings=None):
        self.files = files or {}
        self.encodings = encodings
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.client = LanguageClient("test", "1")
        self.published = {}
        self.messages = []
        self.news = asyncio.Condition()

        @self.client.feature(t.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        async def publish(params):
            async with self.news:
                self.published[params.uri] = params
                self.news.notify_all()

        @self.client.feature(t.WINDOW_SHOW_MESSAGE)
        async def message(params):
            async with self.news:
                self.messages.append(params.message)
                self.news.notify_all()

    async def __aenter__(self):
        for name, text in self.files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        await self.client.start_io(os.environ["LAP"], "lsp", "--stdio", cwd=self.folder.name)
        general = t.GeneralClientCapabilities(position_encodings=self.encodings)
        self.told = await self.client.initialize_async(
            t.InitializeParams(
                capabilities=t.ClientCapabilities(general=general),
                process_id=os.getpid(),
                root_uri=self.root.as_uri(),
            )
        )
        self.client.initialized(t.InitializedParams())
        return self

    async def __aexit__(self, kind, error, trace):
        if error is None:
            await self.client.shutdown_async(None)
            self.client.exit(None)
            status = await asyncio.wait_for(self.client._server.wait(), SECONDS)
            assert status == 0, status
        self.folder.cleanup()

    def uri(self, name="Dockerfile"):
        return (self.root / name).as_uri()

    def document(self, name="Dockerfile"):
        return t.TextDocumentIdentifier(uri=self.uri(name))

    def at(self, line, character, name="Dockerfile"):
        """Where something is asked for."""
        return {"text_document": self.document(name), "position": t.Position(line, character)}

    async def until(self, is_there):
        """Waits until something has come, and returns it."""
        async with self.news:
            await asyncio.wait_for(self.news.wait_for(is_there), SECONDS)
        return is_there()

    async def findings(self, version, name="Dockerfile"):
        """The findings of that version of a document."""
        uri = self.uri(name)

        def is_there():
            there = self.published.get(uri)
            return there if there is not None and there.version == version else None

        return list((await self.until(is_there)).diagnostics)

    async def open(self, text, name="Dockerfile"):
        """Opens a document and returns its findings."""
        item = t.TextDocumentItem(uri=self.uri(name), language_id="dockerfile", version=1, text=text)
        self.client.text_document_did_open(t.DidOpenTextDocumentParams(text_document=item))
        return await self.findings(1, name)

    def saved(self, name="Dockerfile"):
        """Says that a document was saved."""
        self.client.text_document_did_save(t.DidSaveTextDocumentParams(text_document=self.document(name)))

    def change(self, version, *changes, name="Dockerfile"):
        """Changes a document: pairs of four numbers and the new text, or whole texts."""
        events = []
        for change in changes:
            if isinstance(change, str):
                events.append(t.TextDocumentContentChangeWholeDocument(text=change))
            else:
                (line, column, end_line, end_column), text = change
                where = t.Range(t.Position(line, column), t.Position(end_line, end_column))
                events.append(t.TextDocumentContentChangePartial(range=where, text=text))
        item = t.VersionedTextDocumentIdentifier(uri=self.uri(name), version=version)
        self.client.text_document_did_change(
            t.DidChangeTextDocumentParams(text_document=item, content_changes=events)
        )


def place(where):
    """A range as four numbers."""
    return (where.start.line, where.start.character, where.end.line, where.end.character)


def applied(text, edits):
    """A text of ASCII with edits made, of which none overlap."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    offset = lambda at: starts[at.line] + at.character
    for edit in sorted(edits, key=lambda edit: offset(edit.range.start), reverse=True):
        text = text[: offset(edit.range.start)] + edit.new_text + text[offset(edit.range.end) :]
    return text


def run(case):
    asyncio.run(asyncio.wait_for(case(), 60))
