"""Direct messages are closed: the question waits behind a button in the feedback channel, and is asked once."""

from pathlib import Path

from tests.scenarios.discord_scene import discord_scene


async def test_the_question_falls_back_to_the_feedback_channel(tmp_path: Path, database_url: str) -> None:
    async with discord_scene(tmp_path, database_url) as scene:
        await scene.opt_in(scene.mia)
        scene.server.close_dms(scene.mia)
        scene.warroom.shift_clock(days=7, minutes=1)
        await scene.ask_now()
        await scene.warroom.until(lambda: len(scene.standing_messages()) == 2)
        fallback = scene.standing_messages()[-1]
        assert fallback.mentions == [scene.mia]
        shown = await scene.server.press(scene.mia, fallback, "Answer")
        assert shown.ephemeral
        await scene.ask_now()
        assert scene.questions_to(scene.mia) == []
        assert len(scene.standing_messages()) == 2
