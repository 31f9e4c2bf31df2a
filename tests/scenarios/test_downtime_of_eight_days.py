"""Warroom was off for eight days: one summary catches up, due questions go out once, nothing comes sevenfold."""

from pathlib import Path

from tests.scenarios.discord_scene import Scene, discord_scene


def daily_summaries(scene: Scene) -> int:
    return sum("daily" in f"{post.content}{post.embeds}".lower() for post in scene.posts())


async def test_a_week_is_caught_up_once(tmp_path: Path, database_url: str) -> None:
    async with discord_scene(tmp_path, database_url) as scene:
        await scene.warroom.send_feedback(id="before-the-downtime", text="All fine here, thank you.")
        await scene.opt_in(scene.mia)
        await scene.warroom.operator("run-job", name="plan-reports")
        before = daily_summaries(scene)
        assert await scene.warroom.stop() == 0
        scene.warroom.shift_clock(days=8)

        await scene.start()
        await scene.warroom.operator("run-job", name="plan-reports")
        await scene.warroom.operator("run-job", name="post-reports")
        await scene.warroom.until(lambda: daily_summaries(scene) > before, 20)
        await scene.ask_now()
        await scene.warroom.until(lambda: scene.questions_to(scene.mia))
        await scene.warroom.operator("run-job", name="post-reports")
        await scene.ask_now()
        assert daily_summaries(scene) - before == 1
        assert len(scene.questions_to(scene.mia)) == 1
