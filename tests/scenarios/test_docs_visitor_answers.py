"""A visitor uses the docs for eight days, is asked on the page, answers, and the War Room shows it."""

import secrets
from pathlib import Path

from tests.scenarios.warroom_process import BROWSER, WarroomProcess, running_warroom

PERSON = "visitor-who-said-yes-01"
ANGRY = "This is terrible. The install guide is broken and I hate it, awful waste of time."


def page_view() -> dict[str, str]:
    return {"id": secrets.token_hex(12), "name": "page_view", "page": "/install"}


async def ask_for_question(warroom: WarroomProcess) -> dict[str, object] | None:
    query = {"site": "docs", "person": PERSON, "language": "en", "zone": "UTC"}
    async with warroom.http.get("/prompts/next", params=query, headers={"User-Agent": BROWSER}) as answer:
        return await answer.json() if answer.status == 200 else None


async def visit(warroom: WarroomProcess) -> None:
    assert await warroom.track(page_view(), person=PERSON, zone="UTC") == 202


async def test_a_visitor_of_eight_days_is_asked_once_and_heard(tmp_path: Path, database_url: str) -> None:
    async with running_warroom(tmp_path, database_url) as warroom:
        await visit(warroom)
        assert await ask_for_question(warroom) is None
        warroom.shift_clock(days=3)
        await visit(warroom)
        assert await ask_for_question(warroom) is None
        warroom.shift_clock(days=5)
        await visit(warroom)

        question = await ask_for_question(warroom)
        assert question is not None
        assert "Example Docs" in str(question["question"])
        assert await ask_for_question(warroom) is None, "a question is asked at most once"

        said = {"prompt": question["prompt"], "survey": "day7", "person": PERSON, "score": 1, "scale": "1-5"}
        status, answer = await warroom.send_feedback(id=secrets.token_hex(12), text=ANGRY, **said)
        assert status == 201
        assert answer["id"]
        await warroom.until(lambda: ANGRY[:30] in warroom.log())
        assert "terrible" in warroom.log(), "the words that moved the score are told"
