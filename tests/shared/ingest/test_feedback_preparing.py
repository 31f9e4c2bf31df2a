"""Texts are prepared one after the other, and none keeps the following ones out."""

import asyncio
from contextlib import suppress

from shared.config import SentimentSettings
from shared.ingest.feedback.preparing import Preparation, PreparedText


async def test_all_of_many_at_once_are_prepared() -> None:
    preparation, rules = Preparation(), SentimentSettings(text_characters=4000, text_words=200, emoji=40)

    def prepare(text: str | None) -> "asyncio.Task[PreparedText]":
        return asyncio.create_task(preparation.prepare(text, rules, None))

    found = await asyncio.gather(
        *(prepare(text) for text in ["good guide", "awful guide", None, "  ", "good a@b.example"])
    )
    assert [one.columns.get("sentiment") for one in found] == ["positive", "negative", None, None, "positive"]
    assert [one.text for one in found] == ["good guide", "awful guide", None, None, "good [e-mail removed]"]


async def test_who_leaves_while_waiting_or_being_prepared_keeps_nobody_out() -> None:
    preparation, rules = Preparation(), SentimentSettings(text_characters=4000, text_words=200, emoji=40)
    tasks = [asyncio.create_task(preparation.prepare("good guide", rules, None)) for _ in range(4)]
    await asyncio.sleep(0)  # all have begun: one is prepared, the others wait
    for task in tasks[:3]:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert (await tasks[3]).columns["sentiment"] == "positive"
    assert (await preparation.prepare("awful guide", rules, None)).columns["sentiment"] == "negative"
