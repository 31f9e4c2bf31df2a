"""How operator commands reach the running process: DATA/warroom.sock, mode 0600, one JSON line each way."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from shared.errors import StartRefused, WarroomError
from shared.runtime.operator_commands import OperatorContext, run_command

logger = logging.getLogger(__name__)

LINE_BYTES = 1_048_576
ANSWER_SECONDS = 120.0


@asynccontextmanager
async def serve_commands(path: Path, context: OperatorContext) -> AsyncIterator[None]:
    """Answers operator commands while the context is open."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), 10)
            writer.write(json.dumps(await _answer(context, line)).encode() + b"\n")
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


async def _answer(context: OperatorContext, line: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(line)
        return {"ok": await run_command(context, str(asked["command"]), dict(asked["arguments"]))}
    except WarroomError as error:
        return {"error": str(error)}
    except Exception:
        logger.exception("an operator command failed")
        return {"error": "The command failed inside Warroom; its log says why."}


async def call_running_process(path: Path, command: str, arguments: dict[str, Any]) -> Any:
    """The answer of the running process; raises OSError when none listens."""
    reader, writer = await asyncio.open_unix_connection(path, limit=LINE_BYTES)
    try:
        writer.write(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
        await writer.drain()
        line = await asyncio.wait_for(reader.readline(), ANSWER_SECONDS)
    finally:
        writer.close()
        await writer.wait_closed()
    answer = json.loads(line)
    if "error" in answer:
        raise WarroomError(answer["error"])
    return answer["ok"]
