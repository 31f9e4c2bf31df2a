"""How operator commands reach the running process: DATA/warroom.sock, mode 0600, one JSON line each way."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from shared.errors import StartRefused, WarroomError, explain
from shared.runtime.operator_commands import OperatorContext, open_command

logger = logging.getLogger(__name__)

LINE_BYTES = 1_048_576
PIECE_CHARACTERS = 65_536  # at most 12 bytes each in JSON, so a line always fits
ANSWER_SECONDS = 900.0  # somebody with very many rows takes minutes to erase


@asynccontextmanager
async def serve_commands(path: Path, context: OperatorContext) -> AsyncIterator[None]:
    """Answers operator commands while the context is open."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), 10)
            if not line:  # somebody only looked whether we are here
                return
            async for part in _answer(context, line):
                writer.write(json.dumps(part).encode() + b"\n")
                await writer.drain()
        except (OSError, TimeoutError, ValueError):
            logger.info("an operator command was cut off")
        finally:
            writer.close()

    old_mask = os.umask(0o177)
    try:
        path.unlink(missing_ok=True)  # noqa: ASYNC240  # one local file, at start and stop
        server = await asyncio.start_unix_server(answer, path, limit=LINE_BYTES)
    except OSError as error:  # most often a path over the 100 or so bytes that a socket may have
        raise StartRefused(
            f"The socket {path} cannot be opened ({error}); choose another or a shorter folder as store.data_dir."
        ) from error
    finally:
        os.umask(old_mask)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)  # noqa: ASYNC240


async def _answer(context: OperatorContext, line: bytes) -> AsyncIterator[dict[str, Any]]:
    """One line, or for a long answer a line for each piece of its JSON text and an empty one at the end."""
    try:
        asked = json.loads(line)
        answer = await open_command(context, str(asked["command"]), dict(asked["arguments"]))
        if isinstance(answer, AsyncIterator):
            async for piece in answer:
                for start in range(0, len(piece), PIECE_CHARACTERS):
                    yield {"piece": piece[start : start + PIECE_CHARACTERS]}
            answer = None
        yield {"ok": answer}
    except WarroomError as error:
        yield {"error": explain(error)}
    except Exception:
        logger.exception("an operator command failed")
        yield {"error": "The command failed inside Warroom; its log says why."}


async def is_listening(path: Path) -> bool:
    """Whether a process answers here; a socket may be left behind by one that was killed."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def call_running_process(
    path: Path, command: str, arguments: dict[str, Any], write: Callable[[str], object] | None = None
) -> Any:
    """The answer of the running process; raises OSError when none listens.

    `write` gets the pieces of a long answer as they come; without it they are put together.
    """
    pieces: list[str] = []
    reader, writer = await asyncio.open_unix_connection(path, limit=LINE_BYTES)
    try:
        writer.write(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
        await writer.drain()
        while "piece" in (answer := await _next_part(reader)):
            (write or pieces.append)(answer["piece"])
    finally:
        writer.close()
        await writer.wait_closed()
    if "error" in answer:
        raise WarroomError(answer["error"])
    return json.loads("".join(pieces)) if pieces else answer["ok"]


async def _next_part(reader: asyncio.StreamReader) -> dict[str, Any]:
    line = await asyncio.wait_for(reader.readline(), ANSWER_SECONDS)
    if not line:
        raise WarroomError("Warroom ended before it had answered; look at its log and ask again.")
    part: dict[str, Any] = json.loads(line)
    return part
