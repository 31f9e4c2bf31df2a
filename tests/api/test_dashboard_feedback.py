"""The inbox: filters of the address, pages, acts, export, and hostile words that stay words."""

import csv
import io
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.identifiers import new_id
from shared.ingest.feedback import FeedbackSender, NewFeedback
from shared.runtime import Runtime
from shared.store.models import Feedback, Identity, OutboxMessage, Person
from tests.api.running_api import BROWSER, RunningApi
from tests.api.signed_in import Browser

VOICES = [
    {"text": "I love the clear examples, great docs!", "category": "praise", "page": "/start"},
    {"text": "This is terrible, everything is broken and I hate it.", "category": "bug", "page": "/install"},
    {"text": "Where is the list of options?", "category": "question", "page": "/start"},
]


@pytest.fixture
async def browser(api: RunningApi, runtime: Runtime) -> AsyncIterator[Browser]:
    async with Browser(runtime) as opened:
        await opened.sign_in("Ada")
        yield opened


async def say(runtime: Runtime, **fields: object) -> str:
    sender = FeedbackSender(source="web", address=f"192.0.2.{len(str(fields)) % 250}", user_agent=BROWSER)
    outcome = await runtime.feedback.take(NewFeedback.model_validate({"site": "docs", **fields}), sender)
    assert outcome.id is not None
    return outcome.id


async def say_all(runtime: Runtime) -> list[str]:
    return [await say(runtime, **voice) for voice in VOICES]


async def test_the_reason_and_the_part_of_the_page_are_shown(browser: Browser, runtime: Runtime) -> None:
    feedback_id = await say(runtime, score=0, scale="0-1", reason="out_of_date", element="full-name", page="/start")
    _, row, _ = await browser.get("/app/feedback")
    _, item, _ = await browser.get(f"/app/feedback/{feedback_id}")
    assert "out of date" in row
    assert all(words in item for words in ("Reason", "out of date", "full-name", "did not find it helpful"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {0, 1, 2}),
        ("sentiment=positive", {0}),
        ("sentiment=negative", {1}),
        ("source=web", {0, 1, 2}),
        ("source=x", set()),
        ("category=bug", {1}),
        ("page=/start", {0, 2}),
        ("status=new", {0, 1, 2}),
        ("status=closed", set()),
        ("words=OPTIONS", {2}),
        ("words=%25", set()),
        ("words=_", set()),
        ("page=/start&category=question", {2}),
        ("sentiment=nonsense&status=';--", {0, 1, 2}),
        ("period=yesterday", set()),
        ("period=custom&from=2026-03-11&to=2026-03-11", {0, 1, 2}),
        ("period=custom&from=x&to=", {0, 1, 2}),
        ("site=blog", set()),
    ],
)
async def test_the_address_filters(browser: Browser, runtime: Runtime, query: str, shown: set[int]) -> None:
    await say_all(runtime)
    status, page, _ = await browser.get(f"/app/feedback?{query}")
    assert status == 200
    assert {number for number, voice in enumerate(VOICES) if voice["text"] in page} == shown


async def test_a_viewer_does_not_search_words(browser: Browser, runtime: Runtime) -> None:
    await say_all(runtime)
    for role, shown in (("viewer", {0, 1, 2}), ("analyst", {2})):
        async with Browser(runtime) as other:
            await other.sign_in(role, role)
            _, page, _ = await other.get("/app/feedback?words=OPTIONS")
        assert {number for number, voice in enumerate(VOICES) if voice["text"] in page} == shown
        assert ('name="words"' in page) == (role == "analyst")


async def test_pages_follow_each_other_without_gaps(browser: Browser, runtime: Runtime) -> None:
    texts = [f"Voice number {number:02} of many." for number in range(35)]
    now = runtime.clock.now()

    async def unit(session: AsyncSession) -> None:
        for number, text in enumerate(texts):
            session.add(
                Feedback(
                    id=f"{number:026}", site="docs", external_key=str(number), source="web",
                    received_at=now, local_day=now.date(), text=text,
                )
            )  # fmt: skip

    await runtime.store.writer.run(unit)
    _, first, _ = await browser.get("/app/feedback?site=docs")
    _, second, _ = await browser.get(f"/app/feedback?site=docs&before={5:026}")
    assert [text in first for text in texts] == [False] * 5 + [True] * 30
    assert [text in second for text in texts] == [True] * 5 + [False] * 30
    assert f"before={5:026}" in first
    assert 'rel="prev"' in second


async def test_an_item_shows_all_of_it(browser: Browser, runtime: Runtime) -> None:
    ids = await say_all(runtime)
    status, page, _ = await browser.get(f"/app/feedback/{ids[1]}")
    assert status == 200
    assert "marked-word" in page
    assert "negative (" in page


async def test_an_unknown_item_is_not_found(browser: Browser) -> None:
    for item in ("0" * 26, "x", "%00", "9" * 300):
        assert (await browser.get(f"/app/feedback/{item}"))[0] in (400, 404)


async def test_seen_answered_and_closed_are_kept_with_who_did_it(browser: Browser, runtime: Runtime) -> None:
    feedback_id = (await say_all(runtime))[0]
    for status in ("seen", "answered", "closed"):
        answer, _, headers = await browser.post(
            f"/app/feedback/{feedback_id}/status", status=status, back="/app/feedback"
        )
        assert (answer, headers["Location"]) == (303, f"/app/feedback?said={status}")
    await browser.post(f"/app/feedback/{feedback_id}/status", status="seen")
    async with runtime.store.read() as session:
        found = (await session.execute(select(Feedback).where(Feedback.id == feedback_id))).scalar_one()
    assert found.status == "closed"
    assert (found.status_by or "").startswith("member:")


async def test_a_status_that_does_not_exist_is_refused(browser: Browser, runtime: Runtime) -> None:
    feedback_id = (await say_all(runtime))[0]
    assert (await browser.post(f"/app/feedback/{feedback_id}/status", status="erased"))[0] == 400
    assert (await browser.post(f"/app/feedback/{feedback_id}/status", role="admin"))[0] == 400


async def open_conversation(runtime: Runtime, feedback_id: str) -> None:
    """Makes the author somebody on Discord who wrote in a direct conversation."""
    now = runtime.clock.now()

    async def unit(session: AsyncSession) -> None:
        person = Person(id=new_id(now), site="docs", created_at=now)
        session.add(person)
        await session.flush()
        session.add(
            Identity(
                id=new_id(now), person_id=person.id, platform="discord", external_id="7", site="docs",
                created_at=now, dm_channel_id="70",
            )
        )  # fmt: skip
        await session.execute(update(Feedback).where(col(Feedback.id) == feedback_id).values(person_id=person.id))

    await runtime.store.writer.run(unit)


async def test_a_reply_is_queued_once(browser: Browser, runtime: Runtime) -> None:
    feedback_id = (await say_all(runtime))[1]
    await open_conversation(runtime, feedback_id)
    _, page, _ = await browser.get(f"/app/feedback/{feedback_id}")
    assert 'name="once"' in page
    for _ in range(2):
        answer = await browser.post(f"/app/feedback/{feedback_id}/reply", text=" Fixed in 2.1. ", once="same")
        assert answer[0] == 303
    async with runtime.store.read() as session:
        query = select(OutboxMessage).where(OutboxMessage.kind == "direct_reply")
        queued = (await session.execute(query)).scalar_one()
        found = (await session.execute(select(Feedback).where(Feedback.id == feedback_id))).scalar_one()
    assert (queued.destination, queued.payload["text"]) == ("discord_dm", "Fixed in 2.1.")
    assert found.status == "answered"


async def test_nobody_is_written_to_without_a_conversation(browser: Browser, runtime: Runtime) -> None:
    feedback_id = (await say_all(runtime))[1]
    assert (await browser.post(f"/app/feedback/{feedback_id}/reply", text="Hello", once="a"))[0] == 409
    await open_conversation(runtime, feedback_id)
    assert (await browser.post(f"/app/feedback/{feedback_id}/reply", text="  ", once="b"))[0] == 400


FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "＝1", "|x", "%0A=1"]


@pytest.mark.parametrize("text", FORMULAS)
async def test_an_exported_cell_never_runs(browser: Browser, runtime: Runtime, text: str) -> None:
    await say(runtime, text=f"{text} is what I wrote here", page="/x")
    status, body, headers = await browser.get("/app/feedback.csv?site=docs")
    rows = list(csv.DictReader(io.StringIO(body)))
    assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert "attachment" in headers["Content-Disposition"]
    assert rows[0]["text"].startswith("'")


async def test_the_export_holds_what_is_filtered(browser: Browser, runtime: Runtime) -> None:
    await say_all(runtime)
    _, body, _ = await browser.get("/app/feedback.csv?category=bug")
    rows = list(csv.DictReader(io.StringIO(body)))
    assert [row["text"] for row in rows] == [VOICES[1]["text"]]
    assert rows[0]["received_at"] == "2026-03-11T12:00:00+00:00"


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></textarea></script><svg onload=alert(1)>",
    "{{ 7 * 7 }} {% include 'x' %}",
    "javascript:alert(1)//",
    "data: x\n\nevent: posts\ndata: y",
    "\u202egnp.exe \u2066hidden\u2069",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_words_stay_words(browser: Browser, runtime: Runtime, text: str) -> None:
    words = f"I hate this terrible thing {text}"
    feedback_id = await say(runtime, text=words, page="/a", plan=text[:60], segment=text[:60])
    for path in (
        "/app/feedback",
        f"/app/feedback/{feedback_id}",
        "/app/war-room",
        "/app/feedback?words=" + "%3Cscript%3E",
    ):
        status, page, headers = await browser.get(path)
        assert status == 200
        for piece in ("<script>alert", "<img src=x", "<svg onload", "\u202e", "\u2066", ">49<"):
            assert piece not in page
        assert "script-src 'self'" in headers["Content-Security-Policy"]


async def test_no_page_has_inline_script_or_style(browser: Browser, runtime: Runtime) -> None:
    ids = await say_all(runtime)
    for path in ("/app", "/app/feedback", f"/app/feedback/{ids[0]}", "/app/war-room", "/app/settings", "/app/sign-in"):
        _, page, _ = await browser.get(path)
        assert " style=" not in page
        assert "<style" not in page
        assert " onclick=" not in page
        assert page.count("<script") == page.count("<script defer src=") == 1
        assert len(page.encode()) < 200_000
