"""Some four hundred hostile inputs with their expected answers; after each one a fresh event or feedback is taken."""

import logging

import pytest
from sqlmodel import select
from yarl import URL

from shared.store.models import Event, Feedback
from tests.api.hostile_case import Case
from tests.api.hostile_feedback import make_words
from tests.api.hostile_inputs import GROUPS
from tests.api.hostile_repeats import repeats
from tests.api.raw_requests import RAW_REQUESTS, RawRequest
from tests.api.running_api import RunningApi, make_event

# The fewest cases of each kind; the foreign protocols bring their own.
FEWEST = {
    "JSON and encoding": (60, ("json", "feedback-json")),
    "sizes": (12, ("sizes",)),
    "types and times": (70, ("types", "feedback-fields")),
    "hostile text": (60, ("texts", "feedback-texts")),
    "headers, CORS and privacy": (40, ("headers", "feedback-headers")),
    "methods and paths": (25, ("addresses",)),
}
FEWEST_RAW, FEWEST_REPEATS, FEWEST_TOGETHER = 30, 6, 300


@pytest.fixture
def server_settings() -> dict[str, object]:
    return {"keepalive_seconds": 1, "body_timeout_seconds": 0.5}


@pytest.fixture
def limit_settings() -> dict[str, object]:
    names = ("feedback_per_person_hour", "feedback_per_visitor_hour", "feedback_per_address_hour")
    return dict.fromkeys(("track_per_minute", "feedback_overall_minute", *names), 1_000_000)


@pytest.mark.parametrize("kind", FEWEST)
def test_there_are_enough_cases_of_each_kind(kind: str) -> None:
    fewest, groups = FEWEST[kind]
    assert sum(len(GROUPS[group]()) for group in groups) >= fewest


def test_there_are_enough_cases_together() -> None:
    names = [f"{group}: {case.name}" for group, cases in GROUPS.items() for case in cases()]
    assert len(names) == len(set(names))
    assert len(RAW_REQUESTS) >= FEWEST_RAW
    assert len(repeats()) >= FEWEST_REPEATS
    assert len(names) + len(RAW_REQUESTS) + len(repeats()) >= FEWEST_TOGETHER


@pytest.mark.parametrize("group", GROUPS)
async def test_every_hostile_request_hears_what_it_must(
    api: RunningApi, group: str, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = []
    for case in GROUPS[group]():
        wrong += [f"{case.name}: {problem}" for problem in await problems_of(api, case)]
    assert wrong == []
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def problems_of(api: RunningApi, case: Case) -> list[str]:
    """What is wrong with the answer, with what was stored, and with the next good event."""
    table = Feedback if case.path == "/feedback" else Event
    before = await api.count(table)
    dropped = api.runtime.meter.totals["drop", case.drop or ""]
    answer = await api.ask(case.method, str(URL(case.path, encoded=True)), case.body, case.headers)
    stored = await api.count(table) - before
    problems = []
    if answer.status != case.status:
        problems.append(f"answered {answer.status}, not {case.status}: {answer.body[:200]!r}")
    if stored != case.stored:
        problems.append(f"stored {stored}, not {case.stored}")
    if case.drop is not None and api.runtime.meter.totals["drop", case.drop] != dropped + 1:
        problems.append(f"not counted as {case.drop}")
    if "Set-Cookie" in answer.headers:
        problems.append("a cookie was set")
    return problems + (await problems_afterwards(api) if table is Event else await no_words_afterwards(api))


async def no_words_afterwards(api: RunningApi) -> list[str]:
    answer = await api.ask("POST", "/feedback", make_words())
    return [] if answer.status == 201 else [f"good feedback afterwards was answered {answer.status}"]


async def problems_afterwards(api: RunningApi) -> list[str]:
    before = await api.count(Event)
    answer = await api.track(make_event())
    if answer.status == 202 and await api.count(Event) == before + 1:
        return []
    return [f"a good event afterwards was answered {answer.status}"]


async def test_every_raw_connection_hears_what_it_must(api: RunningApi, caplog: pytest.LogCaptureFixture) -> None:
    wrong = []
    for request in RAW_REQUESTS:
        wrong += [f"{request.name}: {problem}" for problem in await raw_problems_of(api, request)]
    assert wrong == []
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def raw_problems_of(api: RunningApi, request: RawRequest) -> list[str]:
    before = await api.count(Event)
    answer = await api.raw(request.data(), end=request.ends)
    statuses = tuple(int(line.split()[1]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1."))
    stored = await api.count(Event) - before
    problems = []
    if statuses not in request.statuses:
        problems.append(f"answered {statuses}: {answer[:200]!r}")
    if stored != request.stored:
        problems.append(f"stored {stored}, not {request.stored}")
    if b"aiohttp" in answer or b"Traceback" in answer:
        problems.append("the answer says what we are made of")
    return problems + await problems_afterwards(api)


async def test_what_comes_again_is_stored_once(api: RunningApi, caplog: pytest.LogCaptureFixture) -> None:
    wrong = []
    for repeat in repeats():
        table = Feedback if repeat.table == "feedback" else Event
        before = await api.count(table)
        answers = [answer.status for answer in await repeat.play(api)]
        stored = await api.count(table) - before
        if sorted(answers) != sorted(repeat.statuses) or stored != repeat.stored:
            wrong.append(f"{repeat.name}: answered {answers}, stored {stored}")
    assert wrong == []
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_the_first_body_under_an_id_is_kept(api: RunningApi) -> None:
    event, words = make_event(page="/first"), make_words(text="The first words")
    await api.track(event)
    await api.track({**event, "page": "/second", "name": "click"})
    for text in ("The first words", "Other words"):
        await api.ask("POST", "/feedback", {**words, "text": text})
    (stored,) = await api.events()
    assert (stored.name, stored.page) == ("page_view", "/first")
    async with api.runtime.store.read() as session:
        assert list((await session.execute(select(Feedback.text))).scalars()) == ["The first words"]
