"""Forwarded headers count from the proxies that are named, and from nobody else."""

import logging

import pytest

from shared.store.models import Event
from tests.api.running_api import RunningApi, make_event

HEADERS = {
    "X-Forwarded-For": "203.0.113.7",
    "Forwarded": "for=203.0.113.7;proto=https",
    "X-Real-IP": "203.0.113.7",
    "X-Client-IP": "203.0.113.7",
    "True-Client-IP": "203.0.113.7",
}


@pytest.fixture
def database_url() -> str:
    """Which database it is makes no difference here."""
    return ""


async def visitors(api: RunningApi) -> list[str | None]:
    return [event.visitor for event in await api.events()]


@pytest.mark.parametrize("name", HEADERS)
async def test_nobody_else_changes_the_address_that_is_seen(api: RunningApi, name: str) -> None:
    await api.track(make_event())
    await api.track(make_event(), headers={name: HEADERS[name]})
    first, second = await visitors(api)
    assert first == second
    assert await api.count(Event) == 2


async def test_a_forgotten_proxy_is_told_once_and_without_its_address(
    api: RunningApi, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        await api.track(make_event(), headers={"X-Forwarded-For": "203.0.113.7"})
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    part = (await api.ask("GET", "/readyz")).json()["parts"]["proxies"]
    for text in (record.getMessage(), part["sentence"]):
        assert "server.trusted_proxies" in text
        assert "203.0.113.7" not in text
        assert "127.0.0.1" not in text


async def test_nothing_is_told_of_senders_without_such_headers(api: RunningApi) -> None:
    await api.track(make_event())
    assert "proxies" not in (await api.ask("GET", "/readyz")).json()["parts"]


async def test_https_is_not_believed_from_a_stranger(api: RunningApi) -> None:
    answer = await api.ask("GET", "/app", headers={"X-Forwarded-Proto": "https", "Accept": "application/json"})
    assert answer.status == 403
    assert "server.trusted_proxies" in answer.json()["detail"]


class TestNamedProxy:
    @pytest.fixture
    def server_settings(self) -> dict[str, object]:
        return {"trusted_proxies": ["127.0.0.0/8"], "public_url": "https://feedback.example"}

    async def test_its_address_and_scheme_are_believed(self, api: RunningApi) -> None:
        await api.track(make_event())
        await api.track(make_event(), headers={"X-Forwarded-For": "203.0.113.7"})
        first, second = await visitors(api)
        assert first != second
        headers = {"X-Forwarded-Proto": "https", "Accept": "application/json"}
        assert (await api.ask("GET", "/app", headers=headers)).status == 401

    async def test_plain_http_behind_it_is_refused(self, api: RunningApi) -> None:
        headers = {"X-Forwarded-Proto": "http", "Accept": "application/json"}
        assert (await api.ask("GET", "/app", headers=headers)).status == 403


class TestSecureAddressWithoutNamedProxy:
    @pytest.fixture
    def server_settings(self) -> dict[str, object]:
        return {"public_url": "https://feedback.example"}

    async def test_the_word_of_a_stranger_opens_nothing(self, api: RunningApi) -> None:
        headers = {"X-Forwarded-Proto": "https", "Accept": "application/json"}
        assert (await api.ask("GET", "/app", headers=headers)).status == 403
