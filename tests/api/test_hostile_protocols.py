"""Hostile requests to the paths of foreign clients; after each one a fresh event of our own is taken."""

import json
import logging
from typing import Any

import pytest

from shared.store.models import Event, ExternalEvent
from tests.api.hostile_case import Case
from tests.api.hostile_protocols import KEY, PROTOCOL_GROUPS
from tests.api.running_api import RunningApi, make_event

FEWEST = 60


@pytest.fixture
def limit_settings() -> dict[str, object]:
    return {"track_per_minute": 1_000_000}


def test_there_are_enough_cases() -> None:
    names = [f"{group}: {case.name}" for group, cases in PROTOCOL_GROUPS.items() for case in cases()]
    assert len(names) == len(set(names))
    assert len(names) >= FEWEST


@pytest.mark.slow
@pytest.mark.parametrize("group", PROTOCOL_GROUPS)
async def test_every_hostile_request_hears_what_it_must(
    api: RunningApi, group: str, caplog: pytest.LogCaptureFixture
) -> None:
    headers = await api.make_key("events:write", "alerts:write")
    key = headers["Authorization"].removeprefix("Bearer ")
    wrong = []
    for case in PROTOCOL_GROUPS[group]():
        wrong += [f"{case.name}: {problem}" for problem in await problems_of(api, case, key)]
    assert wrong == []
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def problems_of(api: RunningApi, case: Case, key: str) -> list[str]:
    """What is wrong with the answer, with what was stored, and with the next good event."""
    before = await stored(api)
    sent = {name: value.replace(KEY, key) for name, value in case.headers.items()}
    answer = await api.ask(case.method, case.path, filled(case.body, key), sent)
    problems = []
    if answer.status != case.status:
        problems.append(f"answered {answer.status}, not {case.status}: {answer.body[:200]!r}")
    if await stored(api) - before != case.stored:
        problems.append(f"stored {await stored(api) - before}, not {case.stored}")
    if b"Traceback" in answer.body or "Set-Cookie" in answer.headers:
        problems.append("the answer says too much")
    if (await api.track(make_event())).status != 202:
        problems.append("a good event afterwards was not taken")
    return problems


async def stored(api: RunningApi) -> int:
    events, alerts = await api.count(Event), await api.count(ExternalEvent)
    return events + alerts


def filled(body: Any, key: str) -> Any:
    """The body with the good key in its place."""
    if body is None or isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).replace(KEY, key)
