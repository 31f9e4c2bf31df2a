"""The API is up at once and stays up, whatever Discord's addresses do: nobody listens, or nobody answers."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.ports import free_port
from tests.scenarios.warroom_process import WarroomProcess, running_warroom

TOKEN = {"WARROOM_DISCORD_TOKEN": "no-network-" + "x" * 30}
TOGETHER_SECONDS = 0.5
PAIRS = 5


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Takes connections and never says a word."""
    held: list[asyncio.StreamWriter] = []

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        for writer in held:
            writer.close()
        server.close()


def discord_at(port: int) -> dict[str, Any]:
    return {"discord": {"api_base": f"http://127.0.0.1:{port}/api/v10", "gateway_url": f"ws://127.0.0.1:{port}/"}}


async def is_alive(warroom: WarroomProcess) -> bool:
    with contextlib.suppress(aiohttp.ClientError, OSError):
        async with warroom.http.get("/healthz") as answer:
            return answer.status == 200
    return False


async def seconds_to_first_answer(warroom: WarroomProcess) -> float:
    started = time.monotonic()
    warroom.spawn()
    await warroom.until(lambda: is_alive(warroom), 30)
    return time.monotonic() - started


async def starts_as_soon(folder: Path, config: dict[str, Any]) -> bool:
    """Whether a start with a token answers as soon as one without, measured one after the other; it works anyway."""
    async with running_warroom(folder / "plain", start=False) as plain:
        usual = await seconds_to_first_answer(plain)
    async with running_warroom(folder / "token", "", config, TOKEN, start=False) as warroom:
        seconds = await seconds_to_first_answer(warroom)
        await warroom.until(lambda: says_down(warroom))
        assert await warroom.track({"id": "no-network-1", "name": "page_view", "page": "/"}) == 202
        assert await warroom.stop() == 0
    return seconds < 2 * usual + TOGETHER_SECONDS


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_the_start_does_not_wait_for_discord(tmp_path: Path) -> None:
    """The speed of machines differs and changes, so one undisturbed pair of starts is enough."""
    async with silent_server() as silent:
        for name, config in (("silent", discord_at(silent)), ("closed", discord_at(free_port()))):
            for number in range(PAIRS):
                if await starts_as_soon(tmp_path / f"{name}-{number}", config):
                    break
            else:
                raise AssertionError(f"the start waits for a Discord that is {name}")


async def says_down(warroom: WarroomProcess) -> bool:
    ready = await warroom.readiness()
    return bool(ready.get("ready")) and ready["parts"]["discord"]["state"] == "down"
