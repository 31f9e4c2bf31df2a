"""Who looks at the dashboard and takes the exports: what they see must be what the senders were told.

Asked while nobody sends: then everything that was acknowledged is seen, and nothing but what was sent.
"""

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from sqlmodel import func, select

from api.routes.dashboard_feedback import EXPORT_ROWS
from shared.derive.kpis.wording import short_number
from shared.store.models import Event
from tests.scenarios.load import PERSON, Journal, compare, together
from tests.scenarios.warroom_process import WarroomProcess

OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
CHART_TABLE = re.compile(r'id="main-chart".*?<tbody>(.*?)</tbody>', re.DOTALL)
NUMBER = re.compile(r'<td class="number">([^<]+)</td>')
IN_ALL = re.compile(r">([0-9,]+) in all<")
Headers = Mapping[str, str]


class Onlooker:
    """A member of the team, and a server with a key."""

    def __init__(self, warroom: WarroomProcess, member: aiohttp.ClientSession, key: Headers) -> None:
        self._warroom, self._member, self._key = warroom, member, key

    async def compare(self, events: Journal, known: Journal, feedback: Journal) -> None:
        """Raises unless pages, downloads and rows show all that was acknowledged, once, and nothing unheard of."""
        await self._warroom.until(self._is_ready, 60)  # pages are shut until the erase log is applied
        everything = together(events, known)
        async with asyncio.timeout(60):  # a server may still be at work on what a killed process asked for last
            rows = -1
            while rows != (rows := await self._rows()):
                downloaded, charted = await self._downloaded("page_views"), await self._charted("page_views")
        assert (sum(downloaded), charted) == (rows, [short_number(number) for number in downloaded]), rows
        assert shows_all(everything, rows), f"{rows} of {len(everything.acknowledged)} page views"
        said = sum(await self._downloaded("feedback_count"))
        assert said == await self._in_the_inbox()
        assert shows_all(feedback, said), f"{said} of {len(feedback.acknowledged)} pieces of feedback"
        lost, doubled = compare(feedback, await self._downloaded_words())
        assert doubled == 0
        assert lost == 0 or said > EXPORT_ROWS
        assert compare(known, await self._exported_events()) == (0, 0)

    async def _is_ready(self) -> bool:
        return bool((await self._warroom.readiness()).get("ready"))

    async def _rows(self) -> int:
        async with self._warroom.read() as session:
            return int((await session.execute(select(func.count()).select_from(Event))).scalar_one())

    async def _page(self, path: str) -> str:
        async with self._member.get(path, headers={"Accept": "text/html"}, allow_redirects=False) as answer:
            assert answer.status == 200, path
            return await answer.text()

    async def _downloaded(self, metric: str) -> list[int]:
        """By day."""
        rows = csv.DictReader(io.StringIO(await self._page(f"/app/series.csv?metric={metric}")))
        return [int(float(row[metric] or 0)) for row in rows]

    async def _charted(self, metric: str) -> list[str]:
        """By day, as the table beside the chart says it; long numbers are shortened there."""
        table = CHART_TABLE.search(await self._page(f"/app?metric={metric}&compare=off"))
        assert table, "the chart has no table"
        return NUMBER.findall(table[1])

    async def _in_the_inbox(self) -> int:
        found = IN_ALL.search(await self._page("/app/feedback"))
        return int(found[1].replace(",", "")) if found else 0

    async def _downloaded_words(self) -> list[str]:
        rows = csv.DictReader(io.StringIO(await self._page("/app/feedback.csv")))
        return [row["text"].rsplit(" ", 1)[1] for row in rows]

    async def _exported_events(self) -> list[str]:
        body = {"platform": "web", "external_id": PERSON}
        async with self._warroom.http.post("/api/v1/privacy/export", json=body, headers=self._key) as answer:
            assert answer.status in (200, 404)  # nothing is known of them yet
            exported = json.loads(await answer.text())
            return [row["event_id"] for row in exported["event"]] if answer.status == 200 else []


def shows_all(journal: Journal, shown: int) -> bool:
    """What is in doubt may be stored or not."""
    heard = len(journal.acknowledged)
    return heard <= shown <= heard + len(journal.in_doubt)


@asynccontextmanager
async def looking_on(warroom: WarroomProcess) -> AsyncIterator[Onlooker]:
    """Signed in once: session and key outlive the process."""
    key = await warroom.operator("key-create", name="onlooker", site="docs", scopes=["privacy:write"])
    link = await warroom.operator("sign-in", name="Ada", role=None)
    async with aiohttp.ClientSession(warroom.base_url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as member:
        form = {"token": link.partition("#")[2]}
        async with member.post("/app/sign-in", data=form, headers=OWN_PAGE, allow_redirects=False) as answer:
            assert answer.status == 303
        yield Onlooker(warroom, member, {"Authorization": f"Bearer {key['key']}"})
