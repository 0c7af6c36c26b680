"""What findings know of the machine: images and layers of the store, files of the context. `CONTEXT` is a folder whose
Dockerfile has been built with the given text."""

import os
import pathlib
import subprocess

from session import Session, place, run

TEXT = """\
FROM busybox
RUN echo app:x:7:7::/:/bin/sh >> /etc/passwd
COPY there /
USER app
HEALTHCHECK CMD curl -f http://localhost
"""


def codes(found):
    return [(one.code, place(one.range)) for one in found]


async def case():
    session = Session()
    session.root = pathlib.Path(os.environ["CONTEXT"])
    async with session:
        # The user is one of the last build, curl is not in the image.
        assert codes(await session.open(TEXT)) == [("healthcheck-missing-tool", (4, 16, 4, 20))]
        session.change(2, TEXT.replace("USER app", "USER other"))
        found = codes(await session.findings(2))
        assert ("user-not-in-image", (3, 5, 3, 10)) in found, found
        # A path that an ignore file leaves out, with the line of that; one that is not there.
        session.change(3, TEXT.replace("there /", "hidden gone /"))
        found = [one for one in await session.findings(3) if one.code == "copy-source-missing"]
        assert codes(found) == [
            ("copy-source-missing", (2, 5, 2, 11)), ("copy-source-missing", (2, 12, 2, 16)),
        ], found
        [related] = found[0].related_information
        assert related.location.uri == session.uri(".dockerignore"), related
        assert place(related.location.range) == (1, 0, 1, 6), related
        # Faults of the ignore file are told of in that, until they are gone or the Dockerfile is closed.
        ignore = session.uri(".dockerignore")
        (session.root / ".dockerignore").write_text("# none\nhidden\n!hidden\nhidden\n")
        session.saved()
        session.change(4, TEXT.replace("there /", ". /"))
        assert "dockerignore-lint" not in [one.code for one in await session.findings(4)]
        # Those of the file as it was have been told before.
        new = [("dockerignore-lint", (2, 0, 2, 7))]
        await session.until(
            lambda: ignore in session.published and codes(session.published[ignore].diagnostics[:1]) == new
        )
        (session.root / ".dockerignore").write_text("# none\nhidden\n")
        session.saved()
        await session.until(lambda: not session.published[ignore].diagnostics)
        # What is new there counts once the file is saved.
        (session.root / "gone").touch()
        session.change(5, TEXT.replace("there /", "there gone /"))
        assert ("copy-source-missing", (2, 11, 2, 15)) in codes(await session.findings(5))
        session.saved()
        await session.until(
            lambda: "copy-source-missing" not in [one.code for one in session.published[session.uri()].diagnostics]
        )
        # What is built meanwhile counts at once.
        text = "FROM busybox\nRUN touch /a\nUSER other\n"
        session.change(6, text)
        assert codes(await session.findings(6)) == []
        (session.root / "Dockerfile").write_text(text)
        subprocess.run([os.environ["LAP"], "build", "--progress", "quiet", str(session.root)], check=True)
        session.change(7, text + "\n")
        assert codes(await session.findings(7)) == [("user-not-in-image", (2, 5, 2, 10))]
        # Another tool knows nothing of it.
        session.change(8, text)
        assert len(await session.findings(8)) == 1
        (session.root / "lapstrake.toml").write_text('[lint]\npreset = "hadolint"\n')
        session.saved()
        await session.until(
            lambda: "user-not-in-image" not in [one.code for one in session.published[session.uri()].diagnostics]
        )


run(case)
