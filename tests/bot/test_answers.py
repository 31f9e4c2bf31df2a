"""Answers come in time, whatever the store does; what nobody expected gets a reference."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from bot.cogs.alerts import AlertsCog
from shared.store.models import Feedback
from tests.bot.discord_stage import Stage
from tests.bot.test_prompt_story import asked


@pytest.fixture
def database_url() -> str:
    """One database is enough here: the stories of members run on both."""
    return ""


CALLBACK = "/interactions/*/*/callback"


@asynccontextmanager
async def busy_store(stage: Stage) -> AsyncIterator[None]:
    """The one writer of SQLite does something else until a first answer was given."""
    release, answered = asyncio.Event(), stage.server.journal.count("POST", CALLBACK)

    async def unit(session: AsyncSession) -> None:
        await release.wait()

    async def end() -> None:
        await stage.server.wait_for(lambda: stage.server.journal.count("POST", CALLBACK) > answered)
        release.set()

    busy = asyncio.create_task(stage.runtime.store.writer.run(unit))
    ending = asyncio.create_task(end())
    await asyncio.sleep(0)
    yield
    await asyncio.gather(busy, ending)


async def test_slow_store_defers_and_the_answer_follows(stage: Stage) -> None:
    async with busy_store(stage):
        outcome = await stage.server.slash(stage.mia, "feedback optin", channel=stage.feedback_channel)
    assert outcome.response_type == 5
    assert outcome.responded_after is not None
    assert outcome.responded_after < 2.5
    assert outcome.ephemeral
    assert "around" in outcome.content
    assert not outcome.refusals


async def test_score_pressed_while_the_store_is_slow_is_stored_and_offers_words(stage: Stage) -> None:
    question = await asked(stage)
    async with busy_store(stage):
        outcome = await stage.server.press(stage.mia, question, "4")
    assert "few words" in outcome.content
    form = await stage.server.press(stage.mia, outcome, "Add words")
    await stage.submit(stage.mia, form, {"text": "Late, but here."})
    [feedback] = await stage.rows(Feedback)
    assert (feedback.score, feedback.text) == (4, "Late, but here.")


async def test_unexpected_failure_gets_a_reference_that_is_in_the_log(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.cogs.alerts.plain_embed", lambda *_: 1 / 0)
    with caplog.at_level(logging.ERROR):
        outcome = await stage.server.slash(stage.bea, "alerts", channel=stage.war_room_channel)
    assert outcome.ephemeral
    assert "went wrong" in outcome.content
    reference = outcome.content.split("reference ")[1].split(")")[0]
    assert reference in caplog.text
    assert stage.client.get_cog(AlertsCog.__name__) is not None


async def test_texts_follow_the_language_of_the_user(stage: Stage) -> None:
    outcome = await stage.server.slash(stage.mia, "feedback optout", channel=stage.feedback_channel, locale="de")
    assert outcome.content == "Done. We will not ask you again."
