"""Staying connected: outages, refused tokens, the budget of sign-ins, a stop that finishes what was begun."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import discord
import pytest
from discord import app_commands
from sqlalchemy.ext.asyncio import AsyncSession

from bot.discord_client import check_access
from bot.discord_supervisor import (
    LONGEST_PAUSE_SECONDS,
    MANY_IDENTIFIES_A_DAY,
    DiscordSupervisor,
    HeldBack,
    IdentifyBudget,
)
from shared.clock import ManualClock
from shared.errors import StartRefused
from shared.runtime import Runtime, build_runtime
from shared.store.models import Spend
from tests.bot.discord_stage import Stage, build_world, settings_for
from tests.conftest import NOON, make_settings
from tests.discord_server import DiscordServer, faults


@pytest.fixture
def database_url() -> str:
    """One database is enough here: the stories of members run on both."""
    return ""


class HastyClock(ManualClock):
    """Sleeps are over at once, and remembered; its monotonic time moves by what was slept."""

    def __init__(self) -> None:
        super().__init__(NOON)
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0.001)


@asynccontextmanager
async def supervised(tmp_path: Path, server: DiscordServer) -> AsyncIterator[tuple[Runtime, HastyClock]]:
    """A supervisor on a clock in a hurry, cancelled at the end."""
    clock = HastyClock()
    settings = settings_for(server, build_world(server), tmp_path / "data", "")
    async with build_runtime(settings, clock) as runtime:
        task = asyncio.create_task(DiscordSupervisor(runtime).run())
        try:
            yield runtime, clock
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def state_of(runtime: Runtime, wanted: str) -> str:
    """Waits for the state of the part; its sentence."""
    async with asyncio.timeout(10):
        while (part := runtime.parts.all().get("discord")) is None or part.state != wanted:
            await asyncio.sleep(0.005)
    return part.sentence


async def test_without_a_token_it_is_off(tmp_path: Path) -> None:
    async with build_runtime(make_settings(tmp_path / "data"), HastyClock()) as runtime:
        await DiscordSupervisor(runtime).run()
        assert "WARROOM_DISCORD_TOKEN" in await state_of(runtime, "off")


async def test_connects_once_discord_is_up(tmp_path: Path) -> None:
    async with DiscordServer() as server:
        await server.go_down()
        async with supervised(tmp_path, server) as (runtime, clock):
            await state_of(runtime, "down")
            while len(clock.slept) < 10:
                await asyncio.sleep(0.005)
            assert max(clock.slept) <= LONGEST_PAUSE_SECONDS
            await server.come_up()
            await state_of(runtime, "ok")
        assert len(server.gateway.identified_at) == 1


async def test_refused_token_parks_with_a_sentence(tmp_path: Path) -> None:
    async with DiscordServer() as server:
        server.faults.add("GET", "/users/@me", faults.token_revoked(), times=None)
        async with supervised(tmp_path, server) as (runtime, _clock):
            async with asyncio.timeout(10):
                while "refuses the token" not in await state_of(runtime, "down"):
                    await asyncio.sleep(0.005)
            before = server.journal.count("GET", "/users/@me")
            await asyncio.sleep(0.05)
            assert server.journal.count("GET", "/users/@me") == before == 1


async def test_connection_that_is_lost_comes_back(stage: Stage) -> None:
    await stage.server.go_down()
    await stage.server.come_up()
    await stage.server.wait_until_ready(30)
    outcome = await stage.server.slash(stage.mia, "feedback optin", channel=stage.feedback_channel)
    assert outcome.ephemeral


async def test_many_sign_ins_in_a_minute_wait(tmp_path: Path) -> None:
    async with build_runtime(make_settings(tmp_path / "data"), HastyClock()) as runtime:
        budget = IdentifyBudget(runtime)
        for _ in range(5):
            assert await budget.wait_seconds() == 0
            await budget.spend(True)
        assert await budget.wait_seconds() == pytest.approx(60)
        with pytest.raises(HeldBack):
            await budget.spend(False)


async def test_many_sign_ins_in_a_day_wait_even_after_a_restart(tmp_path: Path) -> None:
    clock = HastyClock()
    async with build_runtime(make_settings(tmp_path / "data"), clock) as runtime:

        async def spent(session: AsyncSession) -> None:
            session.add(Spend(day=clock.now().date(), item="discord_identify", calls=MANY_IDENTIFIES_A_DAY))

        await runtime.store.writer.run(spent)
        budget = IdentifyBudget(runtime)
        assert await budget.wait_seconds() == 300
        await budget.spend(True)
        with pytest.raises(HeldBack):
            await budget.spend(False)


async def test_stop_answers_new_interactions_and_waits_for_those_in_flight(stage: Stage) -> None:
    release = asyncio.Event()

    async def slow_handler() -> None:
        with stage.client.in_flight.one():
            await release.wait()

    handler = asyncio.create_task(slow_handler())
    await asyncio.sleep(0)
    client = stage.client
    stopping = asyncio.create_task(stage.stop_bot())
    while not client.in_flight.is_stopping:
        await asyncio.sleep(0)
    outcome = await stage.server.slash(stage.mia, "feedback optin", channel=stage.feedback_channel)
    assert outcome.content == "I am restarting. Please try again in a minute."
    assert not client.is_closed()
    release.set()
    await asyncio.gather(handler, stopping)
    assert client.is_closed()
    assert not stage.server.gateway.is_connected


async def test_outbox_is_closed_while_nobody_is_connected(stage: Stage) -> None:
    assert "war_room" in stage.runtime.channels.destinations()
    await stage.stop_bot()
    assert stage.runtime.channels.destinations() == frozenset()


async def test_command_without_declared_access_is_refused_at_the_start(stage: Stage) -> None:
    @app_commands.command()
    async def undeclared(interaction: discord.Interaction) -> None:
        """Nobody said who may use this."""

    check_access(stage.client)
    stage.client.tree.add_command(undeclared)
    with pytest.raises(StartRefused, match="undeclared"):
        check_access(stage.client)
