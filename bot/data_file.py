"""Everything stored about a person as a file to attach; a large one is compressed, a huge one is left to the team."""

import asyncio
import gzip
import io
import json

import discord

from shared.errors import InvalidInput
from shared.ingest.erasure import Who, stream_person
from shared.runtime import Runtime

READABLE_BYTES = 2_000_000
PLAIN_BYTES = 8_000_000
MOST_BYTES = 9_500_000  # Discord takes 10 MB of a bot
COMPRESSED = 6  # level; a month of events shrinks to a twentieth
TOO_LARGE = (
    "This is more than Discord takes in one file. `warroom privacy export` hands it out on the server, "
    "and the page's own id does it over the API."
)


async def data_file(runtime: Runtime, who: Who, name: str) -> discord.File:
    """Raises `InvalidInput` when no file that Discord takes can hold it."""
    written = io.BytesIO()
    async with runtime.store.read() as session:
        async for piece in stream_person(session, runtime.instance_key, who):
            written.write(piece.encode())
    data, ending = await asyncio.to_thread(_packed, written.getvalue())  # seconds, in which others are not to wait
    if len(data) > MOST_BYTES:
        raise InvalidInput(TOO_LARGE)
    return discord.File(io.BytesIO(data), name + ending)


def _packed(data: bytes) -> tuple[bytes, str]:
    """The file as it is sent, and what its name ends in besides."""
    if len(data) <= READABLE_BYTES:
        data = json.dumps(json.loads(data), ensure_ascii=False, indent=2).encode()
    if len(data) > PLAIN_BYTES:
        return gzip.compress(data, COMPRESSED, mtime=0), ".gz"
    return data, ""
