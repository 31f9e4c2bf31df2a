"""The privacy page is written from the settings: each of them shows, and a changed one changes the page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from api.privacy_page import KEPT, privacy_sections
from shared.config import Settings, load_settings
from shared.runtime import Runtime
from shared.store.models import Person, Suppression
from shared.texts import Texts
from tests.api.running_api import Answer, RunningApi, make_event
from tests.conftest import SITES

CY = "0123456789cy"
Make = Callable[..., Settings]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def load(discord_token: str = "", **sections: Any) -> Settings:
        environment = {"WARROOM_DATA_DIR": str(tmp_path), "WARROOM_CONFIG_FILE": "/dev/null"}
        if discord_token:
            environment["WARROOM_DISCORD_TOKEN"] = discord_token
        return load_settings(environment, None, **{"sites": SITES, **sections})

    return load


def words(settings: Settings, site: str = "docs", language: str = "en") -> str:
    known = settings.site(site)
    assert known is not None
    sections = privacy_sections(settings, Texts(settings.texts), language, known)
    return "\n".join(text for section in sections for text in (section.title, *section.paragraphs, *section.items))


@pytest.mark.parametrize("setting", sorted(set(KEPT.values())))
def test_every_retention_setting_shows(make: Make, setting: str) -> None:
    before = words(make())
    change = {setting: 777} | ({"outbox_days": 77} if setting == "outbox_days" else {})
    after = words(make(retention=change))
    assert after != before
    assert f"{change[setting]} days" in after
    assert f"{change[setting]} days" not in before


@pytest.mark.parametrize(
    "kept",
    [
        "searched for",
        "code is copied",
        "files are downloaded",
        "width of the window",
        "typed but did not send",
        "data-w-",
    ],
)
def test_what_else_the_script_tells_and_the_browser_keeps_is_named(make: Make, kept: str) -> None:
    assert kept in words(make())


def test_one_day_and_for_ever_are_said_as_people_say_them(make: Make) -> None:
    said = words(make(retention={"event_days": 1, "rollup_days": 0}))
    assert "step by step: 1 day\n" in said
    assert "nobody can be found in: as long as this installation runs" in said


@pytest.mark.parametrize(
    ("changed", "now_said"),
    [
        ({"privacy": {"contact": "dpo@docs.example"}}, "write to dpo@docs.example"),
        ({"prompts": {"enabled": False}}, "Nobody is asked anything."),
        ({"prompts": {"pause_days": 123}}, "at least 123 days"),
        ({"prompts": {"lapse_days": 45}}, "given up after 45 days"),
        (
            {"events": [{"name": "demo_booked", "version": 1, "meaning": "somebody booked a demo", "owner": "sales"}]},
            "demo_booked: somebody booked a demo",
        ),
    ],
)
def test_a_changed_setting_changes_the_page(make: Make, changed: dict[str, Any], now_said: str) -> None:
    assert now_said not in words(make())
    assert now_said in words(make(**changed))


def test_platforms_show_where_they_are_on_and_for_their_site_only(make: Make) -> None:
    assert "other platforms" not in words(make())
    community = {"discord": {"communities": [{"guild": 1, "site": "docs"}]}}
    assert "other platforms" not in words(make(**community))  # without a token there is no bot
    on = make("token", **community, x={"enabled": True, "site": "blog"})
    assert ("also there: Discord." in words(on), "/privacy erase" in words(on)) == (True, True)
    assert "also there: X." in words(on, "blog")
    assert "/privacy erase" not in words(on, "blog")


def test_the_page_speaks_other_languages(make: Make) -> None:
    texts = {"de": {"privacy_days": {"one": "{count} Tag", "other": "{count} Tage"}}}
    assert "395 Tage" in words(make(texts=texts), language="de-AT")


async def test_each_site_has_its_page(api: RunningApi) -> None:
    first, blog = await api.ask("GET", "/privacy"), await api.ask("GET", "/privacy?site=blog")
    assert (first.status, b"about Example Docs" in first.body, b"about Example Blog" in blog.body) == (200, True, True)
    assert b'href="/privacy?site=blog"' in first.body
    unknown = await api.ask("GET", "/privacy?site=nowhere")
    assert b"about Example Docs" in unknown.body


async def send(api: RunningApi, do: str, person: str = CY, site: str = "docs") -> Answer:
    body = urlencode({"site": site, "person": person, "do": do})
    return await api.ask("POST", "/privacy", body, {"Content-Type": "application/x-www-form-urlencoded"})


async def test_a_visitor_gets_and_erases_their_data_without_scripts(api: RunningApi) -> None:
    await api.track(make_event(), person=CY)
    exported = await send(api, "export")
    assert (exported.status, "attachment" in exported.headers["Content-Disposition"]) == (200, True)
    assert [len(exported.json()[name]) for name in ("person", "event")] == [1, 1]
    erased = await send(api, "erase")
    assert (erased.status, b"Everything about you has been removed" in erased.body) == (200, True)
    assert (await api.count(Person), await api.count(Suppression)) == (0, 1)
    assert (await send(api, "export")).status == 404


async def test_a_number_that_cannot_be_is_explained(api: RunningApi) -> None:
    for person in ("", "short", "x" * 65):
        answer = await send(api, "erase", person)
        assert (answer.status, b"8 to 64 characters" in answer.body) == (400, True)
    assert await api.count(Suppression) == 0


async def test_guessing_numbers_is_limited(api: RunningApi) -> None:
    answers = [await send(api, "export", f"guess-{number:04}") for number in range(21)]
    assert [answer.status for answer in answers] == [404] * 20 + [429]
    check_page(answers[-1], b"Please try again in a while.")
    assert int(answers[-1].headers["Retry-After"]) > 0


def check_page(answer: Answer, words: bytes) -> None:
    """People sent this form, so people can read the answer, whatever it is."""
    assert (answer.headers["Content-Type"].partition(";")[0], words in answer.body) == ("text/html", True)
    assert b'role="alert"' in answer.body


async def test_who_cannot_be_served_now_gets_a_page(api: RunningApi, runtime: Runtime) -> None:
    await api.track(make_event(), person=CY)
    for _ in range(2):
        await runtime.exporting.acquire()
    busy = await send(api, "export")
    for _ in range(2):
        runtime.exporting.release()
    assert (busy.status, "Retry-After" in busy.headers) == (429, True)
    check_page(busy, b"Please try again in a while.")
    unreadable = await api.ask("POST", "/privacy", b"person=%ff", {"Content-Type": "application/x-www-form-urlencoded"})
    assert unreadable.status == 400
    check_page(unreadable, b"8 to 64 characters")
    await runtime.store.writer.close()
    away = await send(api, "erase")
    assert (away.status, "Retry-After" in away.headers) == (503, True)
    check_page(away, b"Please try again in a while.")


async def test_another_site_knows_nothing_of_the_number(api: RunningApi) -> None:
    await api.track(make_event(), person=CY)
    assert (await send(api, "erase", site="blog")).status == 404
    assert await api.count(Person) == 1
