"""A hover over an image and an instruction, for whoever has no store."""

from lsprotocol import types as t
from session import Session, run


async def case():
    async with Session() as session:
        await session.open("FROM busybox\nRUN true\n")
        for line, character, told in [(0, 8, "is not in the store"), (1, 1, "Runs a command")]:
            params = t.HoverParams(**session.at(line, character))
            found = await session.client.text_document_hover_async(params)
            assert told in found.contents.value, found


run(case)
