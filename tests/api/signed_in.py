"""Members in front of the dashboard: makes them, signs them in through the real pages, keeps their cookies."""

import re
from types import TracebackType
from typing import Self

import aiohttp
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from shared.guard import sessions
from shared.runtime import Runtime
from shared.store.models import Member

CSRF = re.compile(r'name="csrf" value="([^"]+)"')
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


class Browser:
    """One browser profile: cookies, no redirects followed, and the headers a browser sends."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.base_url = runtime.settings.base_url
        self.streams: list[aiohttp.ClientResponse] = []
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self.streams:
            stream.close()
        await self.http.close()

    async def get(self, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
        return await self.ask("GET", path, headers=headers)

    async def ask(
        self, method: str, path: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str, dict[str, str]]:
        url = self.base_url + path
        sent = {"Accept": "text/html", **(headers or {})}
        async with self.http.request(method, url, data=form, headers=sent, allow_redirects=False) as response:
            return response.status, await response.text(), dict(response.headers)

    async def post(self, path: str, **fields: str) -> tuple[int, str, dict[str, str]]:
        """Posts a form as a browser does from our own page, with the session's token."""
        form = {"csrf": await self.csrf(), **fields}
        return await self.ask("POST", path, form, OWN_PAGE)

    async def csrf(self) -> str:
        _, page, _ = await self.get("/app")
        found = CSRF.search(page)
        return found.group(1) if found else ""

    async def sign_in(self, name: str, role: str | None = None) -> str:
        """Through a link and the button; the member's id."""
        token = await make_link(self.runtime, name, role)
        status, page, _ = await self.ask("POST", "/app/sign-in", {"token": token}, OWN_PAGE)
        assert status == 303, page
        async with self.runtime.store.read() as session:
            return (await session.execute(select(Member.id).where(Member.name == name))).scalar_one()


async def make_link(runtime: Runtime, name: str, role: str | None = None) -> str:
    """The token of a new sign-in link."""
    now, minutes = runtime.clock.now(), runtime.settings.dashboard.link_minutes

    async def unit(session: AsyncSession) -> str:
        member = await sessions.ensure_member(session, name, role, now)
        return await sessions.create_link(session, member, now, minutes)

    return await runtime.store.writer.run(unit)
