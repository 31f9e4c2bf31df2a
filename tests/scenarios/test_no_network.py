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


@pytest.mark.slow
async def test_the_start_does_not_wait_for_discord(tmp_path: Path) -> None:
    """Measured against the same start without a token, because the speed of machines differs."""
    async with running_warroom(tmp_path / "plain", start=False) as plain:
        usual = await seconds_to_first_answer(plain)
        assert await plain.stop() == 0
    async with silent_server() as silent:
        for name, port in (("silent", silent), ("closed", free_port())):
            async with running_warroom(tmp_path / name, "", discord_at(port), TOKEN, start=False) as warroom:
                assert await seconds_to_first_answer(warroom) < 2 * usual + TOGETHER_SECONDS
                await warroom.until(lambda warroom=warroom: says_down(warroom))
                assert await warroom.track({"id": f"{name}-network-1", "name": "page_view", "page": "/"}) == 202
                started = time.monotonic()
                assert await warroom.stop() == 0
                assert time.monotonic() - started < 10


async def says_down(warroom: WarroomProcess) -> bool:
    ready = await warroom.readiness()
    return bool(ready.get("ready")) and ready["parts"]["discord"]["state"] == "down"
