"""A client that does not keep to the protocol. It speaks without a library, which would not let it."""

import json
import os
import subprocess

LAP = os.environ["LAP"]


class Raw:
    def __init__(self):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([LAP, "lsp"], stdin=pipe, stdout=pipe)

    def bytes(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def body(self, body):
        self.bytes(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def send(self, **fields):
        self.body(json.dumps({"jsonrpc": "2.0", **fields}).encode())

    def answer(self):
        while (line := self.process.stdout.readline().strip()) != b"":
            name, value = line.split(b": ")
            assert name == b"Content-Length", line
            length = int(value)
        return json.loads(self.process.stdout.read(length))

    def code(self, id=None):
        """The code of the error that is the next answer."""
        answer = self.answer()
        assert answer["id"] == id, answer
        return answer["error"]["code"]

    def end(self):
        self.process.stdin.close()
        return self.process.wait(20)


def start():
    raw = Raw()
    raw.send(id=0, method="initialize", params={"capabilities": {}})
    assert raw.answer()["result"]["capabilities"]["positionEncoding"] == "utf-16"
    return raw


def case():
    raw = Raw()
    raw.send(id=1, method="textDocument/hover", params={})
    assert raw.code(1) == -32002
    raw.send(method="textDocument/didOpen", params={})
    raw.send(id=2, method="initialize", params={"capabilities": 1})
    assert raw.code(2) == -32602
    raw.send(method="exit")
    assert raw.process.wait(20) == 1, "without shutdown"

    raw = start()
    for body, code in [
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b'{"jsonrpc":"1.0","method":"x"}', -32600),
        (b'{"jsonrpc":"2.0"}', -32600),
    ]:
        raw.body(body)
        assert raw.code() == code, body
    raw.bytes(b"Hello: you\r\n\r\n")
    assert raw.code() == -32700
    raw.send(id="a", method="textDocument/wibble", params=None)
    assert raw.code("a") == -32601
    raw.send(id=3, method="initialize", params={"capabilities": {}})
    assert raw.code(3) == -32600

    # Parameters that are none, and documents that are not open.
    document = {"uri": "file:///x/Dockerfile"}
    where = {"start": {"line": 5, "character": 7}, "end": {"line": 1, "character": 4_000_000_000}}
    place = {"position": {"line": 1, "character": 1}}
    for method, good in [
        ("hover", place),
        ("completion", place),
        ("definition", place),
        ("references", {**place, "context": {"includeDeclaration": True}}),
        ("prepareRename", place),
        ("rename", {**place, "newName": "x"}),
        ("documentSymbol", {}),
        ("foldingRange", {}),
        ("codeAction", {"range": where, "context": {"diagnostics": []}}),
        ("formatting", {"options": {"tabSize": 1, "insertSpaces": True}}),
    ]:
        for params in [[], {"textDocument": 1}, {"textDocument": {"uri": "\0"}}, {"textDocument": document, **good}]:
            raw.send(id=4, method="textDocument/" + method, params=params)
            assert raw.code(4) == -32602, (method, params)
    for method in ["didOpen", "didChange", "didClose", "didSave", "wibble"]:
        for params in [[], {}, {"textDocument": {"uri": 7}}]:
            raw.send(method="textDocument/" + method, params=params)

    # Places outside of the document, in front of themselves, in the middle of a character.
    raw.send(method="textDocument/didOpen", params={"textDocument": {**document, "languageId": "x", "version": -5, "text": "FROM é😀\r\nRUN \r x"}})
    assert raw.answer()["method"] == "textDocument/publishDiagnostics"
    huge = 4_294_967_295
    for start_line, start_column, end_line, end_column in [
        (0, 7, 0, 8), (9, 9, 0, 0), (0, huge, huge, huge), (huge, 0, 0, huge), (1, 4, 1, 5), (0, 0, huge, 0),
    ]:
        range_ = {"start": {"line": start_line, "character": start_column}, "end": {"line": end_line, "character": end_column}}
        raw.send(method="textDocument/didChange", params={"textDocument": {**document, "version": 1}, "contentChanges": [{"range": range_, "text": "😀\r"}]})
        for method in ["hover", "completion", "definition", "prepareRename"]:
            params = {"textDocument": document, "position": range_["end"]}
            raw.send(id=5, method="textDocument/" + method, params=params)
            while "id" not in (answer := raw.answer()):
                pass
            assert answer["id"] == 5 and "error" not in answer, (method, answer)
    raw.send(id=6, method="shutdown")
    while "id" not in (answer := raw.answer()):
        pass
    assert answer == {"jsonrpc": "2.0", "id": 6, "result": None}, answer
    raw.send(id=7, method="textDocument/hover", params={})
    assert raw.code(7) == -32600
    raw.send(method="exit")
    assert raw.process.wait(20) == 0

    assert start().end() == 1, "a client that goes away"


case()
