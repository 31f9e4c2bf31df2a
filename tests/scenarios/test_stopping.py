"""SIGTERM: what is in flight is answered and kept, nothing new is taken, and the process ends with 0 in ten seconds."""

import asyncio
import contextlib
import itertools
import re
import secrets
import signal
import time
from pathlib import Path

import aiohttp
import psutil
import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import func, select

from shared.store.database import LOCK_FILE
from shared.store.models import Event, Rollup
from tests.scenarios.warroom_process import WarroomProcess, running_warroom

TEN_SECONDS = 10.0
SENDERS = 12
LIMITS = {"limits": {"track_per_minute": 1_000_000}}
PAGE = {"Sec-Fetch-Site": "same-origin"}


async def end(warroom: WarroomProcess) -> float:
    """Waits for the end, which must be a good one; how long it took."""
    started = time.monotonic()
    assert await warroom.ended() == 0, warroom.log()[-4000:]
    return time.monotonic() - started


async def send_until_refused(warroom: WarroomProcess, acknowledged: set[str]) -> None:
    """Sends one event after the other, until the door is closed."""
    while True:
        sent_id = secrets.token_hex(12)
        try:
            status = await warroom.track({"id": sent_id, "name": "page_view", "page": "/load", "view": sent_id})
        except aiohttp.ClientConnectorError:
            return
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            continue  # an idle or unaccepted connection was closed; its request was not acknowledged
        assert status in (202, 503)
        if status == 202:
            acknowledged.add(sent_id)


async def sign_in(warroom: WarroomProcess, browser: aiohttp.ClientSession) -> None:
    link = await warroom.operator("sign-in", name="Ada", role=None)
    form = {"token": link.rsplit("#", 1)[1]}
    async with browser.post("/app/sign-in", data=form, headers=PAGE, allow_redirects=False) as answer:
        assert answer.status == 303


@pytest.mark.slow
async def test_under_load_nothing_acknowledged_is_lost(tmp_path: Path, database_url: str) -> None:
    acknowledged: set[str] = set()
    async with running_warroom(tmp_path, database_url, LIMITS) as warroom:
        senders = [asyncio.create_task(send_until_refused(warroom, acknowledged)) for _ in range(SENDERS)]
        await warroom.until(lambda: len(acknowledged) > 100)
        warroom.send_signal(signal.SIGTERM)
        assert await end(warroom) < TEN_SECONDS
        await asyncio.wait_for(asyncio.gather(*senders), 20)
        async with warroom.read() as session:
            stored = set((await session.execute(select(Event.event_id))).scalars())
            answers = select(func.sum(Rollup.count)).where(Rollup.measure == "answer", Rollup.key == "track:2xx")
            counted = (await session.execute(answers)).scalar_one()
    assert acknowledged <= stored
    assert counted >= len(acknowledged)  # the last counts of our own answers were drained too


@pytest.mark.slow
async def test_a_live_page_and_a_slow_sender_do_not_hold_up_the_end(tmp_path: Path) -> None:
    async with running_warroom(tmp_path) as warroom:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(warroom.base_url, cookie_jar=jar) as browser:
            await sign_in(warroom, browser)
            async with browser.get("/app/war-room/stream") as stream:
                assert stream.status == 200
                assert await stream.content.readany()
                _, writer = await asyncio.open_connection("127.0.0.1", warroom.port)
                writer.write(
                    b"POST /track HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 900\r\n\r\n{"
                )
                await writer.drain()
                warroom.send_signal(signal.SIGTERM)
                assert await end(warroom) < TEN_SECONDS
                with contextlib.suppress(aiohttp.ClientError):
                    await stream.content.read()  # the stream has an end
                writer.close()


@pytest.mark.slow
async def test_asked_again_and_again_it_still_ends_well(tmp_path: Path) -> None:
    async with running_warroom(tmp_path) as warroom:
        for number in itertools.cycle((signal.SIGTERM, signal.SIGINT)):
            warroom.send_signal(number)
            await asyncio.sleep(0.01)
            if not warroom.is_running():
                break
        assert await end(warroom) < TEN_SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["the data folder is taken", "it answers", "it leads"])
async def test_during_the_start_it_ends_as_well(tmp_path: Path, moment: str) -> None:
    async with running_warroom(tmp_path, start=False) as warroom:
        for _ in range(2):  # the second start finds what the first one left
            warroom.spawn()
            await warroom.until(lambda: has_come(warroom, moment))
            warroom.send_signal(signal.SIGTERM)
            assert await end(warroom) < TEN_SECONDS
        await warroom.start()
        assert not re.search(r"Traceback|\"level\": \"error\"", warroom.log())
        assert await warroom.stop() == 0


async def has_come(warroom: WarroomProcess, moment: str) -> bool:
    if moment == "the data folder is taken":
        return holds_the_data(warroom)
    ready = await warroom.readiness()
    return bool(ready.get("leader") if moment == "it leads" else ready)


def holds_the_data(warroom: WarroomProcess) -> bool:
    """Whether it has opened the lock of the data folder, before all else there. Trying it would be in its way."""
    lock = (warroom.settings.store.data_dir / LOCK_FILE).resolve()
    return any(Path(opened.path) == lock for opened in psutil.Process(warroom.pid).open_files())


@pytest.mark.slow
async def test_while_the_demo_is_made_up_it_ends_as_well(tmp_path: Path) -> None:
    demo = {"server": {"demo": "on"}}
    async with running_warroom(tmp_path, "", demo, start=False, arguments=("--demo",)) as warroom:
        warroom.spawn()
        await warroom.until(lambda: "Telling a month of stories" in warroom.log() or holds_events(warroom), 60)
        warroom.send_signal(signal.SIGTERM)
        assert await end(warroom) < TEN_SECONDS


async def holds_events(warroom: WarroomProcess) -> bool:
    if not holds_the_data(warroom):
        return False
    with contextlib.suppress(OperationalError):
        async with warroom.read() as session:
            return bool((await session.execute(select(func.count()).select_from(Event))).scalar_one())
    return False
