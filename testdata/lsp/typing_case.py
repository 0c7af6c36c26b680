"""Findings while somebody types, in both ways to count columns; configurations; a document that is closed."""

from lsprotocol import types as t
from session import Session, place, run

async def columns(encodings, agreed, columns_of_flag):
    async with Session(encodings=encodings) as session:
        assert session.told.capabilities.position_encoding == agreed, session.told
        found = await session.open("FROM scratch\nLABEL é=😀 --form\nADD\n")
        # What is after two characters of two and four bytes.
        where = [place(one.range) for one in found if one.code == "invalid-key-value"]
        assert where == [(1, columns_of_flag[0], 1, columns_of_flag[1])], (where, found)
        # An edit behind them, in the same columns; then an instruction that is known.
        session.change(2, ((1, columns_of_flag[0], 1, columns_of_flag[1]), "a=b"))
        session.change(3, ((2, 0, 2, 3), "WORKDIR /"))
        found = await session.findings(3)
        assert [one for one in found if one.severity == t.DiagnosticSeverity.Error] == [], found


async def typing():
    async with Session() as session:
        found = await session.open("FROM scratch as base\nCPOY a b\n")
        by_code = {one.code: one for one in found}
        odd = by_code["FromAsCasing"]
        assert place(odd.range) == (0, 13, 0, 15), odd
        assert odd.source == "lap" and odd.severity == t.DiagnosticSeverity.Warning
        assert odd.code_description.href.endswith("/dockerfile/rule/from-as-casing/"), odd
        wrong = by_code["unknown-instruction"]
        assert wrong.severity == t.DiagnosticSeverity.Error and "COPY" in wrong.message, wrong
        # Several changes at once, each on top of the one before.
        session.change(2, ((1, 0, 1, 4), "COPY"), ((0, 13, 0, 15), "AS"), ((1, 5, 1, 5), "x"))
        assert await session.findings(2) == [], session.published
        session.change(3, "FROM scratch as x\n")
        assert [one.code for one in await session.findings(3)] == ["FromAsCasing"]
        # Only the last of many is told, or it would take as many messages.
        for version in range(4, 300):
            session.change(version, ((0, 13, 0, 15), "as"))
        assert [one.code for one in await session.findings(299)] == ["FromAsCasing"]
        page = await session.client.text_document_hover_async(t.HoverParams(**session.at(0, 14)))
        assert page.contents.value.startswith("# FROM and AS are written alike"), page
        session.client.text_document_did_close(
            t.DidCloseTextDocumentParams(text_document=session.document())
        )
        await session.until(lambda: session.published[session.uri()].diagnostics == ())


async def configuration():
    files = {
        "lapstrake.toml": "[lint]\nignored = ['FromAsCasing']\n",
        "old/.git/x": "",
        "old/.hadolint.yaml": "override:\n  error: [FromAsCasing]\n",
        "bad/.git/x": "",
        "bad/.hadolint.yaml": "ignored: [FromAsCasin]\n",
    }
    async with Session(files) as session:
        odd = "FROM scratch as base\n"
        assert await session.open(odd) == []
        found = await session.open(odd, "old/Dockerfile")
        assert [one.severity for one in found] == [t.DiagnosticSeverity.Error], found
        found = await session.open(odd, "bad/Dockerfile")
        assert [one.severity for one in found] == [t.DiagnosticSeverity.Warning], found
        await session.until(lambda: session.messages)
        assert len(session.messages) == 1 and "configuration" in session.messages[0], session.messages
        # What is saved counts.
        (session.root / "lapstrake.toml").write_text("")
        session.published.clear()
        session.client.text_document_did_save(
            t.DidSaveTextDocumentParams(text_document=session.document())
        )
        assert [one.code for one in await session.findings(1)] == ["FromAsCasing"]


async def case():
    utf8, utf16 = t.PositionEncodingKind.Utf8, t.PositionEncodingKind.Utf16
    await columns([utf16, utf8], utf8, (14, 20))
    await columns([utf16], utf16, (11, 17))
    await columns(None, utf16, (11, 17))
    await typing()
    await configuration()


run(case)
