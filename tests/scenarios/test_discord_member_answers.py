"""A member opts in, seven days pass, the bot asks by direct message, they press 4 and write, the team reads it."""

from pathlib import Path

import pytest
from sqlmodel import select

from shared.store.models import Feedback
from tests.scenarios.discord_scene import Scene, discord_scene


async def words_are_stored(scene: Scene) -> bool:
    async with scene.warroom.read() as session:
        return "Great docs, I love the clear examples!" in list(
            (await session.execute(select(Feedback.text))).scalars()
        )


@pytest.mark.slow
async def test_from_the_button_to_the_war_room(tmp_path: Path, database_url: str) -> None:
    async with discord_scene(tmp_path, database_url) as scene:
        await scene.opt_in(scene.mia)
        scene.warroom.shift_clock(days=6)
        await scene.ask_now()
        assert scene.questions_to(scene.mia) == []

        scene.warroom.shift_clock(days=1, minutes=1)
        await scene.ask_now()
        [question] = await scene.warroom.until(lambda: scene.questions_to(scene.mia))
        await scene.answer(scene.mia, question, "4", "Great docs, I love the clear examples!")

        await scene.warroom.until(lambda: words_are_stored(scene))
        inbox = await scene.server.slash(
            scene.ada, "inbox recent", guild=scene.war_room, channel=scene.war_room_channel
        )
        await inbox.wait_for_edits(1)
        assert "clear examples" in f"{inbox.embeds}"


@pytest.mark.slow
async def test_a_very_bad_answer_is_told_at_once(tmp_path: Path, database_url: str) -> None:
    async with discord_scene(tmp_path, database_url) as scene:
        await scene.opt_in(scene.mia)
        scene.warroom.shift_clock(days=7, minutes=1)
        await scene.ask_now()
        [question] = await scene.warroom.until(lambda: scene.questions_to(scene.mia))
        await scene.answer(scene.mia, question, "1", "Terrible, I hate the broken install guide.")
        await scene.warroom.until(lambda: "broken install guide" in scene.texts_in_war_room())
        note = next(post for post in scene.posts() if "broken install guide" in f"{post.content}{post.embeds}")
        seen = await scene.server.press(scene.ada, note, "Seen")
        assert not seen.refusals
