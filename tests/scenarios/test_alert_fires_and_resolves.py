"""Too much negative feedback: the alert fires once, and says when it is over."""

from pathlib import Path

from tests.scenarios.discord_scene import discord_scene

RULE = {
    "name": "too-negative",
    "kpi": "share_negative",
    "compare": "above",
    "threshold": 0.5,
    "window_hours": 2,
    "minimum_count": 4,
    "severity": "P2",
    "hold_minutes": 5,
    "cooldown_minutes": 5,
}


async def test_it_fires_once_and_resolves(tmp_path: Path, database_url: str) -> None:
    limits = {"feedback_per_visitor_hour": 100, "feedback_per_address_hour": 100}
    async with discord_scene(tmp_path, database_url, alerts=[RULE], limits=limits) as scene:
        warroom = scene.warroom
        for number in range(6):
            assert (await warroom.send_feedback(id=f"low-score-{number}", score=2, scale="1-5"))[0] == 201
        for _ in range(3):
            await warroom.operator("run-job", name="check-alerts")
            warroom.shift_clock(minutes=6)
        await warroom.until(lambda: "too-negative" in scene.texts_in_war_room())
        fired = [post for post in scene.posts() if "too-negative" in f"{post.content}{post.embeds}"]
        assert len(fired) == 1

        warroom.shift_clock(hours=3)
        for number in range(6):
            assert (await warroom.send_feedback(id=f"high-score-{number}", score=5, scale="1-5"))[0] == 201
        for _ in range(3):
            await warroom.operator("run-job", name="check-alerts")
            warroom.shift_clock(minutes=6)
        await warroom.until(lambda: "resolved" in scene.texts_in_war_room().lower())
