"""`/metrics` is Prometheus text that its own parser takes, with the numbers that operators need."""

from collections.abc import Iterable

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from shared.runtime import Runtime
from tests.api.running_api import RunningApi, make_event

BOT = "Googlebot/2.1 (+http://www.google.com/bot.html)"


@pytest.fixture
def database_url() -> str:
    """One database is enough here: what is counted is in memory."""
    return ""


async def read(api: RunningApi) -> dict[str, Metric]:
    answer = await api.ask("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(answer.body.decode())}
    for family in families.values():
        assert family.documentation, family.name
        assert family.type in ("counter", "gauge", "histogram"), family.name
    return families


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    found: Iterable[float] = [
        sample.value for sample in families[name].samples if labels.items() <= sample.labels.items()
    ]
    [only] = found
    return only


async def test_answers_drops_and_lag_are_counted(api: RunningApi) -> None:
    assert (await api.track(make_event(), make_event())).status == 202
    assert (await api.track(make_event(), headers={"User-Agent": BOT})).status == 202
    assert (await api.ask("POST", "/feedback", {"site": "docs"})).status == 400
    families = await read(api)
    assert value(families, "warroom_intake_answers", route="track", status="2xx") == 2
    assert value(families, "warroom_intake_answers", route="feedback", status="4xx") == 1
    assert value(families, "warroom_intake_drops", reason="bot") == 1
    lag = [sample.value for sample in families["warroom_intake_lag_seconds"].samples]
    assert lag == sorted(lag)
    assert value(families, "warroom_intake_lag_seconds", le="+Inf") == lag[-1] >= 1
    assert value(families, "warroom_resident_memory_bytes") > 1e7
    assert value(families, "warroom_open_files") > 0


async def test_a_part_that_is_down_is_zero_and_one_that_is_off_is_no_part(api: RunningApi, runtime: Runtime) -> None:
    runtime.parts.set("discord", "down", 'it said "no"\n')
    runtime.parts.set("x", "off", "not switched on")
    families = await read(api)
    assert value(families, "warroom_part_up", part="discord") == 0
    assert value(families, "warroom_part_up", part="api") == 1
    assert [s for s in families["warroom_part_up"].samples if s.labels["part"] == "x"] == []
    assert value(families, "warroom_leader") == 0


async def test_the_numbers_of_the_process_come_without_the_store(api: RunningApi, runtime: Runtime) -> None:
    await runtime.store.close()
    families = await read(api)
    assert value(families, "warroom_resident_memory_bytes") > 1e7
