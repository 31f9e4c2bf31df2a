"""What foreign clients hear when they must wait or may not: the forms that they read, and headers for browsers."""

import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from api.request_body import Inflating
from shared.runtime import Runtime
from shared.store.models import Event
from tests.api.running_api import RunningApi

LIMIT = 500_000
TRACK = {"event": "e", "userId": "u"}


@pytest.fixture
def limit_settings() -> dict[str, object]:
    return {"track_key_per_minute": 20}


@pytest.fixture
def database_url() -> str:
    """Nothing here depends on the database."""
    return ""


async def test_a_key_over_its_limit_is_told_when_to_come_back(api: RunningApi) -> None:
    key = await api.make_key("events:write", "alerts:write")
    alerts = [{"labels": {"alertname": "A", "n": str(n)}} for n in range(21)]
    batch = {"batch": [{"type": "track", **TRACK, "messageId": f"m{n}"} for n in range(21)]}
    segment = await api.ask("POST", "/v1/batch", batch, key)
    posthog = await api.ask("POST", "/batch/", {"batch": [{"event": "e", "distinct_id": "u"}] * 21}, key)
    alert = await api.ask("POST", "/api/v2/alerts", alerts, key)
    assert [answer.status for answer in (segment, posthog, alert)] == [429, 429, 503]  # Alertmanager repeats only 5xx
    for answer in (segment, posthog, alert):
        assert int(answer.headers["Retry-After"]) >= 60
    assert segment.json().keys() == {"code", "message"}
    assert posthog.json()["detail"]
    assert await api.count(Event) == 0


async def test_a_request_over_the_limit_of_its_key_leaves_nothing_behind(api: RunningApi, runtime: Runtime) -> None:
    key = await api.make_key("events:write")
    batch = {"batch": [{"type": "track", "event": "e", "userId": f"user-{n % 7}"} for n in range(21)]}
    assert (await api.ask("POST", "/v1/batch", batch, key)).status == 429
    assert await api.count(Event) == 0
    totals = runtime.meter.totals
    assert totals["received", ""] == totals["drop", "limit"] == 21
    batch["batch"].pop()
    assert (await api.ask("POST", "/v1/batch", batch, key)).status == 200
    assert await api.count(Event) == 20


async def test_senders_are_asked_to_send_again_while_nothing_can_be_stored(api: RunningApi, runtime: Runtime) -> None:
    key = await api.make_key("events:write", "alerts:write")
    page = {"n": "pageview", "u": "https://docs.example/", "d": "docs.example"}
    for path, body in (
        ("/v1/track", TRACK),
        ("/capture/", {"event": "e", "distinct_id": "u"}),
        ("/api/v2/alerts", [{"labels": {"a": "b"}}]),
    ):
        assert (await api.ask("POST", path, body, key)).status == 200, path
    await runtime.store.writer.close()
    for path, body, headers in (
        ("/v1/track", TRACK, key),
        ("/capture/", {"event": "e", "distinct_id": "u"}, key),
        ("/api/v2/alerts", [{"labels": {"a": "c"}}], key),
        ("/api/event", page, None),
        ("/api/send", {"type": "event", "payload": {"website": "docs", "url": "/"}}, None),
    ):
        answer = await api.ask("POST", path, body, headers)
        assert (answer.status, answer.headers.get("Retry-After", "").isdigit()) == (503, True), path


@pytest.mark.parametrize("path", ["/track", "/api/event", "/api/send", "/api/batch"])
async def test_browsers_of_other_origins_may_ask_first(api: RunningApi, path: str) -> None:
    asked = {
        "Origin": "https://docs.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,openpanel-client-id",
    }
    answer = await api.ask("OPTIONS", path, headers=asked)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, "*")
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert {"content-type", "openpanel-client-id", "x-umami-cache"} <= {name.strip() for name in allowed.split(",")}
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/batch", "/batch/", "/api/v2/alerts"])
async def test_paths_of_servers_are_closed_to_pages(api: RunningApi, path: str) -> None:
    answer = await api.ask("OPTIONS", path, headers={"Origin": "https://docs.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


def bomb(megabytes: int) -> Iterator[bytes]:
    """Gzip of so many zero bytes, in the pieces in which it would arrive."""
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join(packer.compress(bytes(1_000_000)) for _ in range(megabytes)) + packer.flush()
    yield from (packed[start : start + 65_536] for start in range(0, len(packed), 65_536))


def test_inflating_a_bomb_costs_no_more_than_the_limit() -> None:
    pieces = list(bomb(30))
    inflating, body = Inflating(), bytearray()
    tracemalloc.start()
    for piece in pieces:
        body += inflating.feed(piece, LIMIT - len(body))
        if len(body) > LIMIT:
            break
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(body) == LIMIT + 1
    assert peak < 5 * LIMIT
