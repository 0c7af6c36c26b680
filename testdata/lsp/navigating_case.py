"""Definitions, references, renaming, symbols and folding."""

from lsprotocol import types as t
from pygls.exceptions import JsonRpcException
from session import Session, applied, place, run

TEXT = """\
ARG VERSION=3
# the tools
# and nothing else
FROM alpine:$VERSION AS tools
ARG VERSION
RUN echo ${VERSION:-none} '$VERSION' && \\
    # $VERSION
    make VERSION=$VERSION
FROM scratch AS last
ENV VERSION=other
COPY --from=tools /bin /bin
COPY --from=0 /$VERSION /
RUN --mount=type=bind,from=Tools,target=/x true
COPY <<EOF /made
$VERSION
EOF
"""


async def case():
    async with Session() as session:
        await session.open(TEXT)
        client = session.client

        async def definition(line, character):
            params = t.DefinitionParams(**session.at(line, character))
            found = await client.text_document_definition_async(params)
            return found and place(found.range)

        async def references(line, character, all=True):
            context = t.ReferenceContext(include_declaration=all)
            params = t.ReferenceParams(context=context, **session.at(line, character))
            found = await client.text_document_references_async(params)
            return [place(one.range) for one in found]

        async def rename(line, character, name):
            params = t.RenameParams(new_name=name, **session.at(line, character))
            edit = await client.text_document_rename_async(params)
            return edit and applied(TEXT, edit.changes[session.uri()])

        async def refuses(line, character, name):
            try:
                await rename(line, character, name)
            except JsonRpcException as error:
                return error.message
            raise AssertionError(name)

        stage = (3, 24, 3, 29)
        for line, character in [(10, 13), (11, 12), (12, 28), (3, 26)]:
            assert await definition(line, character) == stage, (line, character)
        assert await definition(3, 16) == (0, 4, 0, 11)
        assert await definition(5, 13) == (0, 4, 0, 11), "a bare ARG takes the global value"
        assert await definition(11, 18) == (9, 4, 9, 11)
        assert await definition(14, 3) == (9, 4, 9, 11)
        assert await definition(5, 30) is None, "it is quoted"
        tools = [(10, 12, 10, 17), (11, 12, 11, 13), (12, 27, 12, 32)]
        assert await references(3, 25) == [stage, *tools]
        assert await references(3, 25, all=False) == tools
        found = [one[0] for one in await references(7, 20)]
        assert found == [0, 3, 4, 5, 7], found
        assert [one[0] for one in await references(9, 6)] == [9, 11, 14]

        renamed = await rename(10, 13, "kit")
        for line in ["AS kit\n", "--from=kit ", "--from=0 ", "from=kit,"]:
            assert line in renamed, renamed
        renamed = await rename(0, 5, "RELEASE")
        assert renamed.startswith("ARG RELEASE=3\n") and "${RELEASE:-none} '$VERSION'" in renamed
        assert "make VERSION=$RELEASE\n" in renamed and "ENV VERSION=other" in renamed, renamed
        assert "already" in await refuses(3, 25, "LAST")
        assert "letter" in await refuses(3, 25, "1a")
        assert "digit" in await refuses(9, 6, "a-b")
        assert await rename(5, 2, "x") is None
        prepare = client.text_document_prepare_rename_async
        ready = await prepare(t.PrepareRenameParams(**session.at(3, 25)))
        assert ready.placeholder == "tools" and place(ready.range) == stage, ready
        assert await prepare(t.PrepareRenameParams(**session.at(5, 0))) is None

        symbols = await client.text_document_document_symbol_async(
            t.DocumentSymbolParams(session.document())
        )
        assert [(one.name, one.detail) for one in symbols] == [
            ("ARG VERSION", None), ("tools", "alpine:$VERSION"), ("last", "scratch")
        ], symbols
        names = [one.name for one in symbols[2].children]
        assert names[:2] == ["ENV VERSION", "COPY --from=tools /bin /bin"], names
        assert place(symbols[1].range)[::2] == (3, 7), symbols
        folds = await client.text_document_folding_range_async(
            t.FoldingRangeParams(session.document())
        )
        lines = sorted((one.start_line, one.end_line, one.kind) for one in folds)
        region = t.FoldingRangeKind.Region
        assert lines == [
            (1, 2, t.FoldingRangeKind.Comment), (3, 7, region), (5, 7, region),
            (8, 15, region), (13, 15, region),
        ], lines


run(case)
