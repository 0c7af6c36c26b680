"""What is told of the text under the pointer. `CONTEXT` is a folder whose Dockerfile has been built as the
image `made`, of busybox and with the given text."""

import os
import pathlib
import re

from lsprotocol import types as t
from session import Session, place, run

TEXT = """\
ARG TAG=latest
ARG BASE=busybox:$TAG NONE
FROM $BASE AS base
ARG TAG
ARG NONE
ENV DIR=/srv OTHER="$TAG x"
RUN echo $DIR $PATH $NONE > /file
FROM base
COPY --from=base /file $DIR/
RUN true as long as nobody built it
FROM example.invalid/none
"""


async def case():
    session = Session()
    session.root = pathlib.Path(os.environ["CONTEXT"])
    async with session:
        await session.open(TEXT)

        async def hover(line, word, where=None):
            character = TEXT.split("\n")[line].index(word) + 1
            params = t.HoverParams(**session.at(line, character))
            found = await session.client.text_document_hover_async(params)
            if where is not None:
                assert place(found.range) == where, found
            return found and found.contents.value

        # In front of all stages, in one, in one that starts from it.
        assert "`TAG` is `latest`" in await hover(1, "TAG", (1, 18, 1, 21))
        assert "`BASE` is `busybox:latest`" in await hover(2, "BASE")
        assert "`TAG` is `latest`" in await hover(3, "TAG")
        assert "`OTHER` is `latest x`" in await hover(5, "OTHER")
        assert "`NONE` has no default" in await hover(6, "NONE")
        assert "`DIR` is `/srv`" in await hover(8, "DIR")
        assert "stage 0, line 3" in await hover(7, "base")
        assert "stage 0, line 3" in await hover(8, "base")

        text = await hover(8, "COPY", (8, 0, 8, 4))
        assert text.startswith("```dockerfile\nCOPY [flags] source…"), text
        assert re.search(r"\*\*Built last\*\*\n\n- when: .* ago\n(- took: .*\n)?- layer: \d.*B\n", text), text
        text = await hover(6, "RUN")
        assert re.search(r"- took: \d+\.\d{3} s\n- layer: \d.*B\n", text), text
        assert "Built last" not in await hover(9, "RUN"), "it was not built"
        assert "Built last" not in await hover(5, "ENV"), "it makes no layer"

        # The same behind the lines themselves: of what is still as it was built, and in the range that is asked for.
        async def hints(start, end):
            asked = t.Range(start=t.Position(start, 0), end=t.Position(end, 0))
            params = t.InlayHintParams(text_document=session.document(), range=asked)
            return await session.client.text_document_inlay_hint_async(params)

        found = await hints(0, 20)
        lines = TEXT.split("\n")
        places = [(one.position.line, one.position.character) for one in found]
        assert places == [(6, len(lines[6])), (8, len(lines[8]))], found
        assert re.fullmatch(r"\d.*B, \d+\.\d s", found[0].label), found
        assert len(await hints(8, 9)) == 1
        whole = await session.client.inlay_hint_resolve_async(found[0])
        text = whole.tooltip.value
        assert re.search(r"- took: \d+\.\d{3} s\n", text) and text
        assert "- in it: /file " in text and re.search(r"- cached: in \d+ of the last \d+ builds", text), text

        session.change(2, TEXT.replace("FROM base", "FROM made"))
        params = t.HoverParams(**session.at(7, 6))
        text = (await session.client.text_document_hover_async(params)).contents.value
        assert text.startswith("`made`, as it is in the store"), text
        assert "- environment: `PATH=" in text and "DIR=/srv" in text, text
        assert "- command: `/bin/sh`" in text and "- layers: `" in text, text
        assert "`PATH` is `/" in await hover(6, "PATH")
        assert "`example.invalid/none` is not in the store" in await hover(10, "example")
        assert await hover(6, "echo") is None


run(case)
