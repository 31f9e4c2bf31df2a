"""Talks to a listening API: well-formed requests, raw bytes, and what arrived in its store."""

import asyncio
import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
from multidict import CIMultiDict
from sqlalchemy import func
from sqlmodel import SQLModel, select

from shared.guard.api_keys import create_key
from shared.identifiers import random_uuid
from shared.runtime import Runtime
from shared.store.models import Event

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
ANSWER_SECONDS = 20.0
PIECE_BYTES = 1_000_000


@dataclass(frozen=True)
class Answer:
    status: int
    headers: CIMultiDict[str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class RunningApi:
    """One client of one running API; `raw` bypasses every library."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.port = runtime.settings.server.port
        self.base_url = f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Answer:
        """Bytes and texts are sent as they are, everything else as JSON; by a browser unless headers say otherwise."""
        data: Any = body if body is None or isinstance(body, bytes | str) else json.dumps(body)
        if isinstance(data, bytes) and len(data) > PIECE_BYTES:
            data = io.BytesIO(data)  # the client sends it piece by piece then
        sent = CIMultiDict({"User-Agent": BROWSER, "Content-Type": "application/json"})
        sent.update(headers or {})
        async with self._client.request(
            method, self.base_url + path, data=data, headers=sent, allow_redirects=False, **more
        ) as response:
            return Answer(response.status, CIMultiDict(response.headers), await response.read())

    async def track(self, *events: dict[str, Any], headers: Mapping[str, str] | None = None, **fields: Any) -> Answer:
        """Sends events of the site `docs`, or of the one in `fields`."""
        return await self.ask("POST", "/track", {"site": "docs", "events": list(events), **fields}, headers)

    async def raw(self, data: bytes, *, end: bool = False) -> bytes:
        """Everything that the server answers to these bytes until it closes, or empty; `end` closes our side first."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            await writer.drain()
            if end:
                writer.write_eof()
            return await asyncio.wait_for(reader.read(), ANSWER_SECONDS)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def count(self, table: type[SQLModel]) -> int:
        async with self.runtime.store.read() as session:
            return int((await session.execute(select(func.count()).select_from(table))).scalar_one())

    async def events(self) -> list[Event]:
        async with self.runtime.store.read() as session:
            return list((await session.execute(select(Event).order_by(Event.id))).scalars())  # type: ignore[arg-type]

    async def make_key(self, *scopes: str, site: str = "docs") -> dict[str, str]:
        """Headers that carry a new key."""
        now = self.runtime.clock.now()
        _, shown = await self.runtime.store.writer.run(
            lambda session: create_key(session, "test", site, scopes, "cli", now)
        )
        return {"Authorization": f"Bearer {shown}"}


def make_event(name: str = "page_view", **fields: Any) -> dict[str, Any]:
    """A good event with a fresh id."""
    page = {"page": "/start", "view": random_uuid()} if name == "page_view" else {}
    return {"id": random_uuid(), "name": name, **page, **fields}


def basic(key: dict[str, str]) -> dict[str, str]:
    """The same key as clients of Segment present it."""
    shown = key["Authorization"].removeprefix("Bearer ")
    return {"Authorization": "Basic " + base64.b64encode(f"{shown}:".encode()).decode()}
