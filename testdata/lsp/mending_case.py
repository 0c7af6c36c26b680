"""Quick fixes and formatting."""

from lsprotocol import types as t
from session import Session, applied, run



async def actions(session, line, only=None):
    where = t.Range(t.Position(line, 0), t.Position(line, 99))
    context = t.CodeActionContext(diagnostics=[], only=only)
    params = t.CodeActionParams(session.document(), range=where, context=context)
    return list(await session.client.text_document_code_action_async(params))


async def case():
    async with Session() as session:
        text = "FROM scratch as base\nCPOY x y\nENV a b\n"
        await session.open(text)
        [fix] = await actions(session, 0)
        assert fix.kind == t.CodeActionKind.QuickFix and fix.is_preferred, fix
        assert [one.code for one in fix.diagnostics] == ["FromAsCasing"], fix
        mended = applied(text, fix.edit.changes[session.uri()])
        assert mended == text.replace(" as ", " AS "), mended
        # A guess is marked as one.
        [guess] = await actions(session, 1)
        assert "unsafe" in guess.title and not guess.is_preferred, guess
        assert "COPY x y" in applied(text, guess.edit.changes[session.uri()])
        assert await actions(session, 0, only=["refactor"]) == []
        [all_at_once] = await actions(session, 1, only=["source.fixAll"])
        mended = applied(text, all_at_once.edit.changes[session.uri()])
        assert mended.startswith("FROM scratch AS base\nCPOY x y\n"), mended

        options = t.FormattingOptions(tab_size=8, insert_spaces=False)
        params = t.DocumentFormattingParams(session.document(), options=options)
        format = session.client.text_document_formatting_async
        assert await format(params) is None, "it is no Dockerfile"
        odd = "from  scratch as base\n\n\nENV a b\nRUN x \\\n\ty\nCMD [ \"x\" ,\"y\" ]"
        session.change(2, odd)
        edits = await format(params)
        good = "FROM scratch AS base\n\nENV a=b\nRUN x \\\n    y\nCMD [\"x\", \"y\"]\n"
        assert applied(odd, edits) == good, edits
        session.change(3, good)
        assert list(await format(params)) == []


run(case)
