"""The Health page: the equation, reasons in words, undeclared events with their declaration, the use of the API."""

import html
import re
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.health_figures import REASONS, bytes_in_words, state_of
from shared.clock import ManualClock
from shared.config import SiteSettings
from shared.derive.coverage import store_run
from shared.ingest import intake_meter
from shared.ingest.foreign_events import NOT_ALLOWED, UNKNOWN_SITE
from shared.ingest.protocols.foreign import INVALID, NOT_AN_EVENT
from shared.runtime import Runtime
from tests.api.running_api import RunningApi
from tests.api.signed_in import Browser
from tests.shared.ingest.track import make_event


@pytest.fixture
async def browser(api: RunningApi, runtime: Runtime) -> AsyncIterator[Browser]:
    async with Browser(runtime) as opened:
        await opened.sign_in("Ada")
        await opened.sign_in("Bea", "viewer")
        yield opened


async def shown(browser: Browser, path: str = "/app/health?site=docs") -> str:
    await browser.runtime.meter.flush(browser.runtime.store)
    status, page, _ = await browser.get(path)
    assert status == 200
    return html.unescape(re.sub(r"\s+", " ", page))


async def test_an_empty_site_shows_the_tag(browser: Browser) -> None:
    page = await shown(browser)
    assert "No data received: here is the tag" in page
    assert 'data-site="docs"' in page
    assert "No event came in." in page


async def test_values_that_were_not_kept_are_told(browser: Browser, api: RunningApi) -> None:
    assert "not kept" not in await shown(browser)
    await api.track(make_event(title="t" * 501))
    assert "1 value was not kept, or only the beginning" in await shown(browser)
    await api.track(make_event(name="download", target="/" + "f" * 600, surprise=1))
    assert "3 values were not kept, or only the beginning" in await shown(browser)


async def test_the_equation_and_the_reasons_are_shown(browser: Browser, api: RunningApi) -> None:
    event = make_event()
    await api.track(event, make_event("click"))
    await api.track(event)
    await api.track(make_event(), headers={"User-Agent": "Googlebot/2.1"})
    await api.track(make_event(), site="nowhere")
    page = await shown(browser)
    figures = re.findall(r'<strong title="(\d+)">[^<]*</strong> <span>(\w+)</span>', page)
    assert figures == [("4", "received"), ("2", "stored"), ("1", "repeated"), ("1", "dropped")]
    for words in (
        "Every event is accounted for.",
        "Every event that came in is in the catalogue.",
        "Known bots",
        "Unknown site",
        "Events are coming in.",
    ):
        assert words in page


async def test_an_undeclared_event_comes_with_the_lines_that_declare_it(browser: Browser, api: RunningApi) -> None:
    await api.track(make_event("pricing_opened", props={"plan": "team", "seats": 3}))
    page = await shown(browser)
    found = re.search(r"<code>(\[\[events\]\].*?)</code></pre>", (await browser.get("/app/health?site=docs"))[1], re.S)
    assert found is not None
    (declared,) = tomllib.loads(html.unescape(found.group(1)))["events"]
    assert declared["name"] == "pricing_opened"
    assert {prop["name"]: prop["type"] for prop in declared["properties"]} == {"plan": "text", "seats": "integer"}
    assert "0 of 1" in page  # events as declared


async def test_the_use_of_the_api_is_shown_with_the_names_of_keys(browser: Browser, api: RunningApi) -> None:
    await api.track(make_event(), headers=await api.make_key("events:write"))
    page = await shown(browser)
    assert "<code>POST /track</code>" in page
    assert "127.0.0.1" not in page.replace(browser.base_url, "")


async def test_what_the_last_coverage_missed_is_shown(browser: Browser, runtime: Runtime, clock: ManualClock) -> None:
    site = SiteSettings(key="docs", name="Docs", hosts=[])
    missed = ["/install button#copy"]
    await runtime.store.writer.run(lambda session: store_run(session, site, 20, 19, missed, clock.now(), 4))
    page = await shown(browser)
    assert "19 of 20 links, buttons, forms and steps yield the declared event that they should" in page
    assert "4 of them one of their own, 15 a click and its place." in page
    assert "/install button#copy" in page


async def test_a_site_that_fell_silent_is_shown_so(browser: Browser, api: RunningApi, clock: ManualClock) -> None:
    await api.track(make_event())
    clock.advance(days=2)
    await browser.sign_in("Bea")
    page = await shown(browser)
    assert "No data for more than a day." in page
    assert "here is the tag" in page


def test_every_reason_is_put_into_words() -> None:
    assert set(intake_meter.REASONS.values()) | {"error"} <= REASONS.keys()
    assert {NOT_AN_EVENT, INVALID, UNKNOWN_SITE, NOT_ALLOWED} <= REASONS.keys()
    sources = [*Path(intake_meter.__file__).parent.rglob("*.py")]
    named = {word for path in sources for word in re.findall(r'drop(?:_all)?\(\s*"(\w+)"', path.read_text("utf-8"))}
    assert named - REASONS.keys() == set()


def test_sizes_are_written_for_people() -> None:
    sizes = (5, 1234, 812_000, 12_400_000, 3_100_000_000, 4e13)
    assert [bytes_in_words(size) for size in sizes] == [
        "5 bytes",
        "1.2 kB",
        "812 kB",
        "12.4 MB",
        "3.1 GB",
        "40000.0 GB",
    ]


def test_a_site_without_events_is_not_called_silent(clock: ManualClock) -> None:
    assert state_of(None, clock.now()) == ("no event yet", "muted")


async def test_only_admins_read_where_things_are(api: RunningApi, runtime: Runtime) -> None:
    runtime.parts.set("store", "ok", "SQLite in /srv/warroom")
    runtime.parts.set("x", "down", "X refuses the keys.")
    pages = []
    for name, role in (("Ada", "admin"), ("Bea", "viewer")):
        async with Browser(runtime) as browser:
            await browser.sign_in(name, role)
            pages.append(await shown(browser))
    assert ["/srv/warroom" in page for page in pages] == [True, False]
    assert all("X refuses the keys." in page for page in pages)
