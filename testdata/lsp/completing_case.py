"""What is offered while something is typed. `|` stands for the cursor."""

from lsprotocol import types as t
from session import Session, applied, run

HEAD = """\
ARG VERSION=3
FROM alpine:3 AS tools
ARG TOOL=x
ENV HOME=/root
FROM tools AS next
ENV OTHER=1
FROM scratch AS last
"""

FILES = {
    "src/main.c": "", "src/lib/a.c": "", "secret/key": "", "kept/a": "", "kept/b": "", "Makefile": "",
    ".dockerignore": "secret\n*.md\nkept\n!kept/a\n", "README.md": "",
}


async def case():
    async with Session(FILES) as session:
        version = 1
        await session.open("")

        async def offered(text, pick=None):
            """The labels at the cursor; with `pick`, the text once that one is taken."""
            nonlocal version
            version += 1
            before, behind = text.split("|")
            text = before + behind
            session.change(version, text)
            lines = before.split("\n")
            params = t.CompletionParams(**session.at(len(lines) - 1, len(lines[-1])))
            items = await session.client.text_document_completion_async(params)
            if pick is None:
                return [one.label for one in items]
            [item] = [one for one in items if one.label == pick]
            return applied(text, [item.text_edit])

        names = await offered("FROM a\n|")
        assert {"RUN", "COPY", "HEALTHCHECK"} <= set(names) and "MAINTAINER" not in names, names
        assert await offered("FROM a\nru|", "run") == "FROM a\nrun"
        assert await offered("FROM a\nRU| x", "RUN") == "FROM a\nRUN x"
        names = await offered("FROM a\nONBUILD |")
        assert "RUN" in names and "FROM" not in names and "ONBUILD" not in names, names
        assert await offered("FROM a\n# RU|") == []

        assert await offered("FROM a\nCOPY --fr|", "--from=") == "FROM a\nCOPY --from="
        assert "--link" in await offered("FROM a\nCOPY --from=x -|")
        assert "--mount=" in await offered("FROM a\nRUN --network=none \\\n  # why\n  --|")
        assert await offered("FROM a\nRUN --network=|") == ["default", "none", "host"]
        assert await offered("FROM a\nHEALTHCHECK --interval=5s |") == ["CMD", "NONE"]
        assert "linux/arm64" in await offered("FROM --platform=|")

        keys = await offered("FROM a\nRUN --mount=type=cache,id=x,|")
        assert "sharing=" in keys and "type=" not in keys and "env=" not in keys, keys
        assert "secret" in await offered("FROM a\nRUN --mount=type=|")
        sharing = await offered("FROM a\nRUN --mount=type=cache,sharing=lo|", "locked")
        assert sharing.endswith("sharing=locked"), sharing
        assert await offered(HEAD + "RUN --mount=type=bind,from=|") == ["tools", "next"]
        assert await offered(HEAD + "COPY --from=|") == ["tools", "next"]
        assert await offered(HEAD + "FROM |") == ["tools", "next", "last", "scratch"]
        assert await offered("FROM a AS b\nFROM b|", "b") == "FROM a AS b\nFROM b"
        assert await offered("FROM a |") == ["AS"]

        middle = HEAD.replace("ENV OTHER=1", "ENV OTHER=1\nRUN echo $|")
        assert await offered(middle) == ["HOME", "OTHER", "TOOL"]
        assert (await offered(middle.replace("$|", "${H|"), "HOME")).find("echo ${HOME}\n") > 0
        assert (await offered(middle.replace("$|", "${H|}"), "HOME")).find("echo ${HOME}\n") > 0
        found = await offered("ARG VERSION=3\nFROM alpine:$|")
        assert "VERSION" in found and "TARGETARCH" in found, found
        found = await offered("ARG VERSION=3\nFROM alpine\nARG |")
        assert "VERSION" in found and "TARGETARCH" in found, found
        body = HEAD + "ENV A=1\nCOPY <<EOF /x\n{}\nEOF\n"
        assert await offered(body.format("$|")) == ["A"]
        assert await offered(body.format("RUN --|")) == []

        assert await offered("FROM a\nCOPY |") == [".dockerignore", "Makefile", "kept/", "src/"]
        assert await offered("FROM a\nCOPY src/|") == ["lib/", "main.c"]
        assert await offered("FROM a\nCOPY kept/|") == ["a"]
        assert await offered("FROM a\nCOPY ./src/l|", "lib/") == "FROM a\nCOPY ./src/lib/"
        assert await offered("FROM a\nCOPY [\"sr|", "src/") == "FROM a\nCOPY [\"src/"
        for none in ["../|", "secret/../../|", "nothing/|", "\0/|"]:
            assert await offered("FROM a\nCOPY " + none) == [], none
        assert "src/" in await offered("FROM a\nRUN --mount=type=bind,source=|")
        assert await offered("FROM a\nCOPY --from=x |") == []


run(case)
