"""Several processes on one PostgreSQL: one leads, the others serve; when it dies the next one leads and posts once."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlmodel import select

from shared.store.models import Event, OutboxMessage
from tests.scenarios.discord_scene import Scene, discord_scene
from tests.scenarios.warroom_process import WarroomProcess, running_warroom

TAKE_OVER_SECONDS = 60.0  # a lease lasts ten, and every other test runs beside this one
WORDS = "Terrible, awful, broken and useless. I hate this number"


async def parts_of(warroom: WarroomProcess) -> dict[str, str]:
    return {name: part["state"] for name, part in (await warroom.readiness())["parts"].items()}


async def discord_is_off(warroom: WarroomProcess) -> bool:
    return (await parts_of(warroom))["discord"] == "off"


async def say(warroom: WarroomProcess, number: int) -> None:
    status, _ = await warroom.send_feedback(id=f"replica-feedback-{number}", text=f"{WORDS} {number}")
    assert status == 201


async def delivers(warroom: WarroomProcess) -> bool:
    return (await parts_of(warroom))["delivery"] == "ok"


async def all_are_sent(warroom: WarroomProcess) -> bool:
    """A message is marked some time after Discord has it."""
    async with warroom.read() as session:
        return set((await session.execute(select(OutboxMessage.state))).scalars()) == {"sent"}


def notes(scene: Scene, number: int) -> int:
    return sum(f"number {number}" in str(post.embeds) for post in scene.posts())


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_when_the_leader_dies_the_standby_leads_and_posts_once(tmp_path: Path, database_url: str) -> None:
    async with discord_scene(tmp_path / "first", database_url) as scene, AsyncExitStack() as stack:
        first = scene.warroom
        config = {key: value for key, value in first.config.items() if key != "server"}
        standby = await stack.enter_async_context(
            running_warroom(tmp_path / "second", database_url, config, first.secrets, start=False)
        )
        replica = await stack.enter_async_context(
            running_warroom(tmp_path / "third", database_url, config, first.secrets, start=False, program="api")
        )
        for process in (standby, replica):
            process.spawn()
            await process.until(process.readiness, 60)
            await process.until(lambda process=process: discord_is_off(process), 60)
            assert not (await process.readiness())["leader"]

        for number, process in enumerate((first, standby, replica)):
            await say(process, number)
            assert await process.track({"id": f"replica-event-{number}", "name": "page_view", "page": "/"}) == 202
        await first.until(lambda: all(notes(scene, number) for number in range(3)))

        first.kill()
        await say(replica, 3)
        await standby.until(standby.leads, TAKE_OVER_SECONDS)
        await standby.until(lambda: notes(scene, 3), TAKE_OVER_SECONDS)
        assert [notes(scene, number) for number in range(4)] == [1, 1, 1, 1]
        assert not (await replica.readiness())["leader"]
        await standby.until(lambda: delivers(standby))

        first.spawn()
        await first.until(first.readiness, 60)
        await first.until(lambda: discord_is_off(first), 60)
        assert await standby.stop() == 0
        await first.until(first.leads, TAKE_OVER_SECONDS)
        await say(replica, 4)
        await first.until(lambda: notes(scene, 4), TAKE_OVER_SECONDS)
        async with replica.read() as session:
            assert len(list((await session.execute(select(Event.id))).scalars())) == 3
        await first.until(lambda: all_are_sent(replica))
        assert [notes(scene, number) for number in range(5)] == [1] * 5
        assert await replica.stop() == 0
