"""Discord is down for five minutes: intake goes on, posts wait, and arrive once, in order."""

from pathlib import Path

from tests.scenarios.discord_scene import discord_scene

WORDS = "Terrible, awful, broken and useless. I hate this number"


async def test_posts_wait_and_arrive_once_in_order(tmp_path: Path, database_url: str) -> None:
    async with discord_scene(tmp_path, database_url) as scene:
        await scene.server.go_down()
        for number in range(3):
            status, _ = await scene.warroom.send_feedback(id=f"outage-feedback-{number}", text=f"{WORDS} {number}")
            assert status == 201
        scene.warroom.shift_clock(minutes=5)
        async with scene.warroom.http.get("/healthz") as answer:
            assert answer.status == 200
        await scene.server.come_up()
        scene.warroom.shift_clock(minutes=6)
        await scene.connected()
        await scene.warroom.until(lambda: "number 2" in scene.texts_in_war_room(), 40)
        told = [post for post in scene.posts() if "I hate this number" in f"{post.content}{post.embeds}"]
        order = [next(n for n in "012" if f"number {n}" in f"{post.content}{post.embeds}") for post in told]
        assert order == ["0", "1", "2"]
