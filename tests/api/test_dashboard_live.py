"""The War Room page: posts come by themselves after the commit, to whoever may still read them, until the stop."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from api.server import serve
from shared.guard import sessions
from shared.ingest.feedback import FeedbackSender, NewFeedback
from shared.messages import WAR_ROOM, Notice
from shared.runtime import Runtime
from shared.store.models import OutboxMessage
from shared.store.outbox import enqueue
from tests.api.running_api import BROWSER, RunningApi
from tests.api.signed_in import Browser

SOON_SECONDS = 20.0


@pytest.fixture
async def browser(api: RunningApi, runtime: Runtime) -> AsyncIterator[Browser]:
    async with Browser(runtime) as opened:
        await opened.sign_in("Ada")
        yield opened


class Stream:
    """An open event stream, read event by event."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def event(self) -> dict[str, str]:
        """The next event with its fields; comments and the retry time are passed over."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(SOON_SECONDS):
            while True:
                raw = await self.response.content.readline()
                assert raw, "the stream ended"
                line = raw.decode().rstrip("\n")
                if not line and "event" in fields:
                    return fields
                name, _, value = line.partition(": ")
                if name:
                    fields[name] = value

    async def posts(self) -> str:
        event = await self.event()
        assert event["event"] == "posts"
        html: str = json.loads(event["data"])
        return html


async def open_stream(browser: Browser, query: str = "", **headers: str) -> Stream:
    response = await browser.http.get(f"{browser.base_url}/app/war-room/stream{query}", headers=headers)
    browser.streams.append(response)
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert response.headers["X-Accel-Buffering"] == "no"
    return Stream(response)


async def tell(runtime: Runtime, title: str, text: str = "Something happened.", site: str = "docs") -> None:
    now = runtime.clock.now()

    async def unit(session: AsyncSession) -> None:
        notice = Notice(site=site, title=title, text=text)
        await enqueue(session, notice, destination=WAR_ROOM, dedupe_key=f"test:{title}", now=now)

    await runtime.store.writer.run(unit)


async def say(runtime: Runtime, text: str) -> None:
    sender = FeedbackSender(source="web", address="192.0.2.1", user_agent=BROWSER)
    await runtime.feedback.take(NewFeedback(site="docs", text=text), sender)


async def test_a_message_arrives_after_its_commit(browser: Browser, runtime: Runtime) -> None:
    stream = await open_stream(browser)
    await tell(runtime, "First")
    assert "First" in await stream.posts()
    await tell(runtime, "Second")
    html = await stream.posts()
    assert "Second" in html
    assert "First" not in html


async def test_a_voice_arrives_whatever_its_mood(browser: Browser, runtime: Runtime) -> None:
    stream = await open_stream(browser)
    await say(runtime, "The guide is great, thank you!")
    assert "The guide is great" in await stream.posts()
    await say(runtime, "I hate this, it is terrible, awful and broken.")
    html = await stream.posts()
    assert html.count("it is terrible") == 1
    assert "Unhappy feedback" in html


async def test_the_page_shows_the_same_without_script(browser: Browser, runtime: Runtime) -> None:
    await tell(runtime, "A notice")
    await say(runtime, "The guide is great, thank you!")
    _, page, _ = await browser.get("/app/war-room")
    assert "A notice" in page
    assert "The guide is great" in page


async def test_words_cannot_break_the_stream(browser: Browser, runtime: Runtime) -> None:
    stream = await open_stream(browser)
    await tell(runtime, "<b>x</b>", "line\n\nevent: posts\ndata: forged\r\n<script>alert(1)</script>")
    html = await stream.posts()
    assert "<script>" not in html
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    await tell(runtime, "Next")
    assert "Next" in await stream.posts()


async def test_a_reader_who_comes_back_misses_nothing(browser: Browser, runtime: Runtime) -> None:
    stream = await open_stream(browser)
    await tell(runtime, "Seen")
    last = (await stream.event())["id"]
    stream.response.close()
    await tell(runtime, "Missed")
    again = await open_stream(browser, **{"Last-Event-ID": last})
    assert "Missed" in await again.posts()


async def test_a_kind_and_a_site_filter(browser: Browser, runtime: Runtime) -> None:
    stream = await open_stream(browser, "?kind=notice&site=docs")
    await say(runtime, "Just words of somebody.")
    await tell(runtime, "Of the blog", site="blog")
    await tell(runtime, "Of the docs")
    html = await stream.posts()
    assert "Of the docs" in html
    assert "Just words" not in html
    assert "Of the blog" not in html


async def test_a_disabled_reader_hears_no_more(browser: Browser, runtime: Runtime) -> None:
    async with Browser(runtime) as other:
        member = await other.sign_in("Cy", "viewer")
        stream = await open_stream(other)
        await tell(runtime, "Before")
        assert "Before" in await stream.posts()
        now = runtime.clock.now()
        await runtime.store.writer.run(lambda session: sessions.disable_member(session, member, now))
        await tell(runtime, "Secret")
        assert (await stream.event())["event"] == "ended"


async def test_a_viewer_is_given_no_buttons(browser: Browser, runtime: Runtime) -> None:
    async with Browser(runtime) as other:
        await other.sign_in("Cy", "viewer")
        stream = await open_stream(other)
        await say(runtime, "I hate this, it is terrible, awful and broken.")
        html = await stream.posts()
    assert "<form" not in html
    assert "Open" in html


async def test_asking_for_the_head_does_not_hang(browser: Browser) -> None:
    async with asyncio.timeout(SOON_SECONDS):
        assert (await browser.ask("HEAD", "/app/war-room/stream"))[0] == 200


async def test_a_stop_ends_the_streams(runtime: Runtime) -> None:
    async with Browser(runtime) as browser:
        async with serve(runtime):
            await browser.sign_in("Ada")
            stream = await open_stream(browser)
            started = runtime.clock.monotonic()
        rest = await stream.response.content.read()
    assert runtime.clock.monotonic() - started < 6  # a stream that goes on would be cut after eight
    assert b"event:" not in rest


async def test_dead_letters_are_seen(browser: Browser, runtime: Runtime) -> None:
    await tell(runtime, "Lost")

    async def unit(session: AsyncSession) -> None:
        await session.execute(update(OutboxMessage).values(state="dead", last_error="50001 <Missing Access>"))

    await runtime.store.writer.run(unit)
    _, page, _ = await browser.get("/app/war-room")
    assert "1 message has trouble" in page
    assert "50001 &lt;Missing Access&gt;" in page
