"""Warroom was off for eight days: one summary catches up, due questions go out once, nothing comes sevenfold."""

import calendar
from pathlib import Path

from tests.scenarios.discord_scene import Scene, discord_scene


def daily_summaries(scene: Scene) -> list[str]:
    """The summaries of one day; those of a week name two dates."""
    texts = [f"{post.embeds}" for post in scene.posts()]
    return [text for text in texts if "Day-7 question" in text and any(f"· {day}" in text for day in calendar.day_name)]


async def test_a_week_is_caught_up_once(tmp_path: Path, database_url: str) -> None:
    async with discord_scene(tmp_path, database_url) as scene:
        await scene.warroom.send_feedback(id="before-the-downtime", text="All fine here, thank you.")
        await scene.opt_in(scene.mia)
        await scene.warroom.operator("run-job", name="plan-reports")
        before = len(daily_summaries(scene))
        assert await scene.warroom.stop() == 0
        scene.warroom.shift_clock(days=8)

        await scene.start()
        await scene.warroom.operator("run-job", name="plan-reports")
        await scene.warroom.operator("run-job", name="post-reports")
        await scene.warroom.until(lambda: len(daily_summaries(scene)) > before)
        await scene.ask_now()
        await scene.warroom.until(lambda: scene.questions_to(scene.mia))
        await scene.warroom.operator("run-job", name="post-reports")
        await scene.ask_now()
        assert len(daily_summaries(scene)) - before == 1
        assert "7 earlier days" in daily_summaries(scene)[-1]
        assert len(scene.questions_to(scene.mia)) == 1
