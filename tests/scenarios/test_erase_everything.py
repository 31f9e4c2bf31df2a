"""A member erases everything: rows, queued messages, and the words in our own posts."""

from pathlib import Path

from sqlmodel import SQLModel, select

from shared.store.models import Feedback, Identity, Person, Prompt, Suppression
from tests.scenarios.discord_scene import Scene, discord_scene

WORDS = "Terrible. I hate the purple elephant in the install guide."


async def count(scene: Scene, table: type[SQLModel]) -> int:
    async with scene.warroom.read() as session:
        return len((await session.execute(select(table))).all())


async def is_empty(scene: Scene, table: type[SQLModel]) -> bool:
    return await count(scene, table) == 0


async def test_nothing_is_left_and_nobody_asks_again(tmp_path: Path, database_url: str) -> None:
    async with discord_scene(tmp_path, database_url) as scene:
        await scene.opt_in(scene.mia)
        where = {"guild": scene.community, "channel": scene.feedback_channel}
        form = await scene.server.slash(scene.mia, "feedback send", **where)
        await scene.server.submit_modal(scene.mia, form, {"text": WORDS})
        await scene.warroom.until(lambda: "purple elephant" in scene.texts_in_war_room())

        asked = await scene.server.slash(scene.mia, "privacy erase", **where)
        await scene.server.press(scene.mia, asked, "Erase everything")
        await scene.warroom.until(lambda: "purple elephant" not in scene.texts_in_war_room())
        assert "author's request" in scene.texts_in_war_room()
        for table in (Feedback, Identity, Person, Prompt):
            await scene.warroom.until(lambda table=table: is_empty(scene, table))
        assert await count(scene, Suppression) == 1

        scene.warroom.shift_clock(days=8)
        await scene.ask_now()
        assert scene.questions_to(scene.mia) == []
