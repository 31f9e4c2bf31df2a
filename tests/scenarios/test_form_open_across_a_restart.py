"""A form is open on somebody's screen while Warroom restarts; what they wrote still arrives."""

from pathlib import Path

from sqlmodel import select

from shared.store.models import Feedback
from tests.scenarios.discord_scene import Scene, discord_scene


async def texts_of(scene: Scene) -> list[str | None]:
    async with scene.warroom.read() as session:
        return list((await session.execute(select(Feedback.text))).scalars())


async def test_the_words_arrive(tmp_path: Path, database_url: str) -> None:
    async with discord_scene(tmp_path, database_url) as scene:
        channel = {"guild": scene.community, "channel": scene.feedback_channel}
        form = await scene.server.slash(scene.mia, "feedback send", **channel)
        assert form.modal is not None
        assert await scene.warroom.stop() == 0
        await scene.start()
        answer = await scene.server.submit_modal(scene.mia, form, {"text": "Written before the restart."})
        assert answer.ephemeral
        await scene.warroom.until(lambda: texts_of(scene))
        assert await texts_of(scene) == ["Written before the restart."]
