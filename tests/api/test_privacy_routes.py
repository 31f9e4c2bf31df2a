"""The privacy page, and export and erasure over the wire."""

from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from sqlmodel import select

from api.routes import privacy
from shared.guard.privacy import address_bucket
from shared.guard.rate_limits import hit
from shared.ingest.erasure.eraser import HOUR_SECONDS, UNKNOWN
from shared.runtime.build import EXPORTS_AT_ONCE
from shared.store.models import Event, Person, RateWindow, Suppression
from tests.api.running_api import Answer, RunningApi, make_event

CY = "0123456789cy"


async def post(api: RunningApi, what: str, headers: dict[str, str] | None = None, **body: Any) -> Answer:
    return await api.ask("POST", f"/api/v1/privacy/{what}", body, headers)


async def test_the_page_says_what_is_stored(api: RunningApi) -> None:
    answer = await api.ask("GET", "/privacy")
    assert (answer.status, b"no cookies" in answer.body, b"90 days" in answer.body) == (200, True, True)


async def test_a_browser_exports_and_erases_what_its_id_stands_for(api: RunningApi) -> None:
    await api.track(make_event(), person=CY)
    exported = await post(api, "export", site="docs", person=CY)
    assert exported.status == 200
    assert [len(exported.json()[name]) for name in ("person", "identity", "event")] == [1, 1, 1]
    erased = await post(api, "erase", site="docs", person=CY)
    assert (erased.status, erased.json()["erased"]) == (200, True)
    assert (await api.count(Person), await api.count(Event), await api.count(Suppression)) == (0, 0, 1)
    assert (await post(api, "erase", site="docs", person=CY)).status == 404


async def test_erasing_somebody_unknown_still_keeps_them_from_being_asked(api: RunningApi) -> None:
    assert (await post(api, "erase", site="docs", person=CY)).status == 404
    assert await api.count(Suppression) == 1


async def test_a_server_erases_by_platform_identity(api: RunningApi) -> None:
    await api.track(make_event(), person=CY)
    key = await api.make_key("privacy:write")
    assert (await post(api, "export", key, platform="web", external_id=CY)).status == 200
    assert (await post(api, "erase", key, platform="web", external_id=CY)).status == 200


async def test_a_server_needs_the_scope_and_its_own_site(api: RunningApi) -> None:
    await api.track(make_event(), person=CY)
    body = {"platform": "web", "external_id": CY}
    assert (await post(api, "erase", await api.make_key("events:write"), **body)).status == 403
    assert (await post(api, "erase", await api.make_key("privacy:write", site="blog"), **body)).status == 404
    assert (await post(api, "erase", {"Authorization": "Bearer no"}, **body)).status == 401
    assert await api.count(Person) == 1


async def test_a_key_reads_the_report_of_its_site(api: RunningApi) -> None:
    await api.track(make_event(), person=CY)
    key = await api.make_key("privacy:write")
    told = (await api.ask("GET", "/api/v1/privacy/report", headers=key)).json()
    assert (told["people"]["known"], told["people"]["identities"]) == (1, {"web": 1})
    assert {row["table"]: row["rows"] for row in told["tables"]}["event"] == 1
    assert CY not in str(told)
    other = await api.make_key("privacy:write", site="blog")
    told = (await api.ask("GET", "/api/v1/privacy/report", headers=other)).json()
    assert {row["table"]: row["rows"] for row in told["tables"]}["event"] == 0
    assert (await api.ask("GET", "/api/v1/privacy/report")).status == 401


async def test_without_a_key_no_platform_identity_is_taken(api: RunningApi) -> None:
    assert (await post(api, "erase", platform="discord", external_id="42")).status == 400


async def test_few_get_their_data_at_once(api: RunningApi) -> None:
    """Each slow reader keeps a connection to the database; others must still get one."""
    await api.track(make_event(), person=CY)
    form = urlencode({"site": "docs", "person": CY, "do": "export"})
    typed = {"Content-Type": "application/x-www-form-urlencoded"}
    async with AsyncExitStack() as slow_readers:
        for _ in range(EXPORTS_AT_ONCE):
            await slow_readers.enter_async_context(api.runtime.exporting)
        assert (await post(api, "export", site="docs", person=CY)).status == 429
        assert (await api.ask("POST", "/privacy", form, typed)).status == 429
    assert (await post(api, "export", site="docs", person=CY)).status == 200
    assert (await api.ask("POST", "/privacy", form, typed)).status == 200


async def test_who_reads_too_slowly_is_cut_off(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.track(make_event(), person=CY)
    monkeypatch.setattr(privacy, "EXPORT_SECONDS", 0.0)
    with pytest.raises(aiohttp.ClientError):
        await post(api, "export", site="docs", person=CY)
    assert not api.runtime.exporting.locked()


async def test_many_made_up_ids_wait(api: RunningApi) -> None:
    """They come from many addresses, so another limit holds than that of one address."""
    most = api.runtime.settings.privacy.unknown_erasures_per_hour
    now = api.runtime.clock.now()
    await api.runtime.store.writer.run(lambda session: hit(session, UNKNOWN, most, HOUR_SECONDS, now, most))
    answer = await post(api, "erase", site="docs", person=CY)
    assert (answer.status, int(answer.headers["Retry-After"]) > 0) == (429, True)
    assert await api.count(Suppression) == 0
    await api.track(make_event(), person=CY)
    assert (await post(api, "erase", site="docs", person=CY)).status == 200


async def test_guessing_ids_is_limited(api: RunningApi) -> None:
    answers = [(await post(api, "export", site="docs", person=f"guess-{number:04}")).status for number in range(21)]
    assert answers == [404] * 20 + [429]
    async with api.runtime.store.read() as session:
        (bucket,) = (await session.execute(select(RateWindow.bucket).distinct())).scalars()
    assert bucket.startswith("privacy:")
    assert address_bucket(api.runtime.instance_key, "127.0.0.1") not in bucket, "such a key stays for ever"
