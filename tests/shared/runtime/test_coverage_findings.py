"""How elements and tags are judged, and how a run is told: without a browser."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from shared.config import Settings
from shared.errors import ConfigurationError
from shared.runtime.coverage import Coverage, UsedPage, as_json, print_report
from shared.runtime.coverage.browser import find_chromium
from shared.runtime.coverage.findings import judge_element, problems_of_tags
from shared.runtime.coverage.purposes import PURPOSES
from shared.runtime.coverage.tag_check import Seen, check_tag
from tests.conftest import make_settings

URL = "https://docs.example/start"
SOURCE = "https://stats.example/warroom.js"
CLICKED = {"name": "click", "props": {"element": "main>button"}}
NAMED = {"name": "click", "target": "buy", "marked": True}
VIEW = json.dumps({"site": "docs", "events": [{"id": "12345678", "name": "page_view", "page": "/"}]})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path / "data")


def sent(*events: dict[str, Any]) -> str:
    return json.dumps({"site": "docs", "events": [{"id": "12345678", "page": "/", **event} for event in events]})


def judged(settings: Settings, *bodies: str, purposes: Sequence[str] = ()) -> tuple[tuple[str, ...], str]:
    named = {"kind": "button", "name": "Buy", "selector": "#buy", "problem": ""}
    used = {**named, "bodies": bodies, "purposes": purposes}
    element = judge_element("/", used, settings)
    return tuple(element.events), element.reason


def test_a_declared_event_covers(settings: Settings) -> None:
    body = sent({"name": "page_view"}, CLICKED, {"name": "own"})
    assert judged(settings, "no json", body, sent(CLICKED)) == (("click",), "")


@pytest.mark.parametrize(
    ("purpose", "events"),
    [
        ("goal", [{"name": "conversion", "goal": "buy"}]),
        ("outbound", [{"name": "outbound_click", "target": "a.example"}]),
        ("download", [{"name": "file_download", "target": "/a.pdf"}]),
        ("copy", [{"name": "code_copy", "props": {"element": "pre"}}]),
        ("search", [{"name": "site_search", "props": {"term": "queue"}}]),
        ("step", [{"name": "sequence_step", "sequence": "start", "step": 1}]),
        ("form", [{"name": "conversion", "goal": "news"}]),
        ("form", [NAMED]),
    ],
)
def test_what_is_there_for_something_needs_its_event(
    settings: Settings, purpose: str, events: list[dict[str, Any]]
) -> None:
    another = {"name": "exposure", "experiment": "e", "variant": "a"}  # comes by itself
    _, reason = judged(settings, sent(CLICKED, another), purposes=[purpose])
    assert reason.startswith("no ")
    assert reason.endswith(PURPOSES[purpose].advice)
    assert judged(settings, sent(CLICKED, *events), purposes=[purpose])[1] == ""


@pytest.mark.parametrize(
    ("body", "is_one"),
    [
        ({"site": "docs", "score": 1, "scale": "0-1", "id": "12345678"}, True),
        ({"site": "docs", "text": "good"}, True),
        ({"form": "/feedback", "fields": {"site": "docs", "score": "0", "scale": "0-1"}}, True),
        ({"form": "/feedback", "fields": {"text": "without a site"}}, False),
        ({"site": "docs", "score": 9}, False),
        ({"site": "docs"}, False),
        ({"site": "docs", "name": "conversion", "goal": "a", "id": "12345678"}, False),
    ],
)
def test_an_answer_covers_its_form_when_it_would_be_stored(
    settings: Settings, body: dict[str, Any], is_one: bool
) -> None:
    events, reason = judged(settings, sent(CLICKED), json.dumps(body), purposes=["feedback"])
    assert ("feedback" in events) is is_one
    assert (reason == "") is is_one


def test_a_step_that_a_click_scrolled_into_view_says_nothing_of_the_click(settings: Settings) -> None:
    step = {"name": "sequence_step", "sequence": "start", "step": 1}
    assert judged(settings, sent(CLICKED, step)) == (("click",), "")
    assert judged(settings, sent(CLICKED, step), purposes=["form"])[1].startswith("no event of its own")
    assert judged(settings, sent(CLICKED, step), purposes=["done"]) == (("click", "sequence_step"), "")


@pytest.mark.parametrize(
    ("bodies", "reason"),
    [
        ([], "no event"),
        ([sent({"name": "page_view"}, {"name": "engagement", "engaged_ms": 5})], "no event"),
        ([sent({"name": "own"})], "undeclared: own"),
        ([sent({"name": "conversion"})], "invalid: goal a conversion event needs it"),
        ([sent({"name": "click", "props": {"x": "left"}})], "invalid click: props.x must be a whole number"),
        ([sent({"name": "click"})], "a click that does not say where"),
        ([sent({"name": "click", "marked": True})], "a click that does not say where"),
        (['{"site": "docs", "plan": "no answer"}'], "no event"),
        ([json.dumps({"n": "pageview", "d": "docs"})], "no event"),
    ],
)
def test_what_does_not_cover_says_why(settings: Settings, bodies: list[str], reason: str) -> None:
    assert judged(settings, *bodies) == ((), reason)


def states(seen: Seen, settings: Settings, url: str = URL) -> dict[str, str]:
    return {check.name: check.state for check in check_tag(seen, url, settings)}


def good_look() -> Seen:
    return Seen(tags=[{"site": "docs", "src": SOURCE}], statuses={SOURCE: 200}, bodies=[VIEW])


def test_a_good_tag_is_good(settings: Settings) -> None:
    assert set(states(good_look(), settings).values()) == {"ok"}


@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        ({"tags": []}, "tag", "no tag"),
        ({"tags": [{"site": "docs", "src": SOURCE}] * 2}, "one tag", "2 tags"),
        ({"tags": [{"site": "nowhere", "src": SOURCE}]}, "site", "known are: docs, blog"),
        ({"statuses": {SOURCE: 404}}, "script", "answered 404"),
        ({"statuses": {}, "failures": {SOURCE: "net::ERR_NAME_NOT_RESOLVED"}}, "script", "NOT_RESOLVED"),
        ({"statuses": {}, "failures": {SOURCE: "net::ERR_BLOCKED_BY_CLIENT"}}, "script", "ad-blockers"),
        (
            {"violations": [{"directive": "script-src-elem", "address": SOURCE}]},
            "policy",
            "add https://stats.example to",
        ),
        (
            {"violations": [{"directive": "connect-src", "address": "https://stats.example/track"}]},
            "policy",
            "connect-src",
        ),
        ({"opted_out": True}, "privacy signal", "silent"),
        ({"bodies": []}, "beacon", "sent nothing"),
    ],
)
def test_what_is_wrong_with_a_tag_is_told(settings: Settings, change: dict[str, Any], check: str, words: str) -> None:
    seen = good_look()
    for name, value in change.items():
        setattr(seen, name, value)
    found = {one.name: one for one in check_tag(seen, URL, settings)}
    assert found[check].state == "wrong"
    assert words in found[check].sentence


def test_another_host_is_wrong_and_this_machine_unknown(settings: Settings) -> None:
    assert states(good_look(), settings, "https://elsewhere.example/")["host"] == "wrong"
    assert states(good_look(), settings, "http://localhost:4321/")["host"] == "unknown"


def test_a_machine_without_sites_cannot_say_whether_the_key_is_right(tmp_path: Path) -> None:
    assert states(good_look(), make_settings(tmp_path / "data", sites=[]))["site"] == "unknown"


def test_a_run_is_told_for_people_and_for_programs(settings: Settings) -> None:
    used = {"kind": "button", "selector": "#buy", "problem": ""}
    buy = judge_element("/", {**used, "name": "[bold]Buy", "bodies": [sent(CLICKED)]}, settings)
    named = judge_element("/", {**used, "name": "Named", "bodies": [sent(NAMED)]}, settings)
    lost = [judge_element(page, {**used, "name": "[red]Lost", "bodies": []}, settings) for page in ("/", "/a")]
    pages = [
        UsedPage("/", [buy, lost[0], named]),
        UsedPage("/a", lost[1:]),
        UsedPage("/b", problems=["answered 404"], was_walked=False),
        UsedPage("/c", problems=["not walked, beyond --pages 2"], was_walked=False),
        UsedPage("/d", problems=["not walked, beyond --pages 2"], was_walked=False),
    ]
    coverage = Coverage(URL, "docs", check_tag(good_look(), URL, settings), pages)
    text = io.StringIO()
    print_report(coverage, Console(file=text, width=200, markup=False, highlight=False))
    for words in (
        "2 of 7 elements on 2 pages yield a declared event: 28.5 %. "
        "1 of them one of their own, 1 a click and its place. "
        "Not in order or not looked at in full: 3 pages, counted as missed.",
        "[bold]Buy",
        "[red]Lost",
        "and 1 more",
        "answered 404",
        "/c and 1 more",
    ):
        assert words in text.getvalue()
    told = json.loads(as_json(coverage))
    assert told["site"] == "docs"
    assert (told["elements"], told["missed"], told["only_clicked"]) == (7, 5, 1)
    first = told["pages"][0]["elements"][0]
    assert (first["events"], first["own"], first["covered"], first["only_clicked"]) == (["click"], [], True, True)
    assert lost[0].label == "/ button “[red]Lost” #buy"


@pytest.mark.parametrize("problem", ["answered 404", "not walked, beyond --pages 1", "no tag on this page"])
def test_a_page_that_was_not_looked_at_is_not_covered(settings: Settings, problem: str) -> None:
    used = {"kind": "link", "name": "a", "selector": "a", "problem": "", "bodies": [sent(CLICKED)]}
    found = Coverage(URL, "docs", pages=[UsedPage("/", [judge_element("/", used, settings)])])
    assert found.percent == 100
    found.pages.append(UsedPage("/b", problems=[problem], was_walked=False))
    assert found.percent == 50
    assert [element.label for element in found.missed] == [f"/b {problem}"]


@pytest.mark.parametrize(
    ("keys", "problems"),
    [
        (["docs"], []),
        ([], ["no tag on this page"]),
        (["docs", "docs"], ["2 tags on this page"]),
        (["blog"], ["its tag is that of another site: blog"]),
    ],
)
def test_each_page_needs_the_tag_of_the_start_page(keys: list[str], problems: list[str]) -> None:
    assert problems_of_tags(keys, "docs") == problems


def test_only_what_is_whole_reads_as_100_percent(settings: Settings) -> None:
    used = {"kind": "link", "name": "a", "selector": "a", "problem": ""}
    good = judge_element("/", {**used, "bodies": [sent(CLICKED)]}, settings)
    bad = judge_element("/", {**used, "bodies": []}, settings)
    text = io.StringIO()
    print_report(Coverage(URL, pages=[UsedPage("/", [*[good] * 9999, bad])]), Console(file=text, width=200))
    assert "99.9 %" in text.getvalue()
    assert Coverage(URL).percent is None


def test_a_machine_without_a_browser_is_told_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="--browser"):
        find_chromium("no-such-browser")
