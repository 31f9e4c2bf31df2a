"""kill -9 after Discord stored the question and before Warroom marked it: nobody is asked twice."""

from pathlib import Path

from sqlmodel import select

from shared.store.models import Prompt
from tests.discord_server import faults
from tests.scenarios.discord_scene import Scene, discord_scene


async def prompt_states(scene: Scene) -> list[str]:
    async with scene.warroom.read() as session:
        return list((await session.execute(select(Prompt.state))).scalars())


async def test_a_question_in_doubt_is_never_sent_again(tmp_path: Path, database_url: str) -> None:
    async with discord_scene(tmp_path, database_url) as scene:
        await scene.opt_in(scene.mia)
        scene.warroom.shift_clock(days=7, minutes=1)
        scene.server.faults.add("POST", "/channels/*/messages", faults.answered_late(30.0))
        await scene.ask_now()
        await scene.warroom.until(lambda: scene.questions_to(scene.mia))
        assert await prompt_states(scene) == ["claimed"]
        scene.warroom.kill()
        scene.server.faults.clear()

        await scene.start()
        scene.warroom.shift_clock(minutes=5)
        await scene.ask_now()
        await scene.warroom.until(lambda: _is_uncertain(scene))
        assert len(scene.questions_to(scene.mia)) == 1


async def _is_uncertain(scene: Scene) -> bool:
    return await prompt_states(scene) == ["uncertain"]
