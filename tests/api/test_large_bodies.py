"""Bodies of servers' libraries at their largest: taken, in bounded memory, and not for those without a key."""

import asyncio
import gzip
import json
from typing import Any

import pytest

from shared.runtime import Runtime
from shared.store.models import Event
from tests.api.running_api import RunningApi


@pytest.fixture
def server_settings() -> dict[str, object]:
    return {"max_large_bodies": 2}


@pytest.fixture
def database_url() -> str:
    """Nothing here depends on the database."""
    return ""


# What the libraries send at most: Segment's Python adds 32 KiB messages until they pass 475 kB, PostHog's Python
# 900 KiB events until they pass 5 MiB.
LARGEST = {"/v1/batch": (32_000, 507_000, 1_000_000), "/batch/": (900 * 1024, 6_164_000, 6_500_000)}


def large_batch(path: str, length: int, key: str, size: int) -> bytes:
    """A batch of exactly so many bytes, with its key at the end as PostHog's Python library writes it."""
    made: list[dict[str, Any]] = []
    while length * (len(made) + 1) < size:
        named = {"event": "large", "properties": {"text": "x" * (length - 200)}}
        more = {"type": "track", "userId": "u", "messageId": f"m{len(made)}"}
        made.append({**named, **(more if path == "/v1/batch" else {"distinct_id": "u", "uuid": f"u{len(made)}"})})
    body = json.dumps({"batch": made, "sent_at": None, "writeKey": key, "api_key": key}).encode()
    return body + b" " * (size - len(body))


@pytest.mark.parametrize("path", LARGEST)
@pytest.mark.parametrize("packed", [False, True])
async def test_the_largest_batch_of_a_library_is_taken(
    api: RunningApi, runtime: Runtime, path: str, packed: bool
) -> None:
    key = (await api.make_key("events:write"))["Authorization"].removeprefix("Bearer ")
    length, largest, limit = LARGEST[path]
    statuses = []
    for size in (largest, limit, limit + 1):
        body = large_batch(path, length, key, size)
        sent = gzip.compress(body, 1) if packed else body
        statuses.append((await api.ask("POST", path, sent, {"Content-Encoding": "gzip"} if packed else {})).status)
    assert statuses == [200, 200, 413]
    events = await api.events()
    assert len(events) == limit // length
    assert {len(event.props["text"]) for event in events} == {
        min(length - 200, runtime.settings.limits.property_characters)
    }


async def test_a_large_batch_waits_for_a_place(api: RunningApi) -> None:
    key = (await api.make_key("events:write"))["Authorization"].removeprefix("Bearer ")
    body = large_batch("/batch/", 100_000, key, 900_000)
    head = b"POST /batch/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n"
    held = [await asyncio.open_connection("127.0.0.1", api.port) for _ in range(2)]
    for _, writer in held:
        writer.write(head + body[:800_000])
    while (refused := await api.ask("POST", "/batch/", body)).status == 200:
        pass  # until both have arrived so far
    assert (refused.status, refused.headers["Retry-After"].isdigit()) == (503, True)
    assert (await api.ask("POST", "/batch/", large_batch("/batch/", 1000, key, 400_000))).status == 200
    for reader, writer in held:
        writer.write(body[800_000:])
        assert b" 200 " in await reader.readline()
        writer.close()
    assert (await api.ask("POST", "/batch/", body)).status == 200


@pytest.mark.parametrize("key", ["", "phc_abc", "wr_abcdefgh_" + "x" * 43])
async def test_posthog_body_is_not_parsed_unless_a_good_key_stands_in_it(
    api: RunningApi, runtime: Runtime, key: str
) -> None:
    body = gzip.compress(b'{"batch": [' + b"[" * 100_000 + b'"api_key": "' + key.encode() + b'"')
    assert (await api.ask("POST", "/batch/", body, {"Content-Encoding": "gzip"})).status == 401
    assert runtime.meter.totals["received", ""] == 0
    good = (await api.make_key("events:write"))["Authorization"].removeprefix("Bearer ")
    planted = {"api_key": key, "batch": [{"event": "e", "distinct_id": "u", "properties": {"found": good}}]}
    assert (await api.ask("POST", "/batch/", planted)).status == 401  # a key among the properties is none
    assert await api.count(Event) == 0
