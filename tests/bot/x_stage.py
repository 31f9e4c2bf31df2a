"""The strict X on loopback, a real runtime and the reader's line, for tests that tell what became of a message."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sqlmodel import SQLModel, select

from bot.x_client import XClient, open_client
from bot.x_reader import XLine
from shared.clock import ManualClock
from shared.config import Settings, SiteSettings
from shared.decide.prompts import enqueue_due_prompts
from shared.deliver.delivery_loop import DeliveryLoop
from shared.runtime import Runtime, build_runtime
from shared.store.leases import LEADER, take_lease
from tests.conftest import make_settings
from tests.x_server import User, XServer

Row = TypeVar("Row", bound=SQLModel)


def x_settings(server: XServer, data_dir: Path, database_url: str = "", **x: object) -> Settings:
    """X is on, at the stand-in, with its keys."""
    keys = server.credentials
    return make_settings(
        data_dir,
        database_url,
        x={"enabled": True, "site": "docs", "api_base": server.url, **x},
        delivery={"channel_pace_seconds": 0},
        server={"public_url": "https://warroom.example"},
        secrets={
            "x_consumer_key": keys.consumer_key,
            "x_consumer_secret": keys.consumer_secret,
            "x_access_token": keys.access_token,
            "x_access_token_secret": keys.access_token_secret,
        },
    )


@dataclass
class XStage:
    """`ada` is somebody on X; `line` is what the reader keeps for one connection."""

    server: XServer
    clock: ManualClock
    runtime: Runtime
    client: XClient
    ada: User
    epoch: int = 1
    line: XLine = field(init=False)
    loop: DeliveryLoop = field(init=False)

    def __post_init__(self) -> None:
        self.connect()

    @property
    def settings(self) -> Settings:
        return self.runtime.settings

    @property
    def site(self) -> SiteSettings:
        site = self.settings.site("docs")
        assert site is not None
        return site

    def connect(self) -> None:
        """As after a start: nothing is remembered but what the store holds."""
        if hasattr(self, "line"):
            self.line.close()
        self.line = XLine(self.runtime, self.client, self.site)
        self.loop = DeliveryLoop(
            self.settings,
            self.clock,
            self.runtime.store,
            self.runtime.channels,
            lambda: self.epoch,
            lambda: True,
        )

    async def lead(self, holder: str) -> None:
        """A new holder of the lease, so that claims of the one before are taken back."""
        now = self.clock.now()
        lease = await self.runtime.store.writer.run(
            lambda session: take_lease(session, LEADER, holder, now, 10**9, force=True)
        )
        assert lease is not None
        self.epoch = lease.epoch

    async def turn(self) -> None:
        """Time for one more reading of everything, then everything due is delivered."""
        self.clock.advance(seconds=80)
        await self.line.read_due()
        await self.deliver()

    async def deliver(self) -> None:
        """All lanes, until nothing is due."""
        for _ in range(20):
            if not await self.loop.run_once():
                return

    async def enqueue_prompts(self) -> int:
        now = self.clock.now()
        return await self.runtime.store.writer.run(lambda session: enqueue_due_prompts(session, self.settings, now, 20))

    async def rows(self, table: type[Row]) -> list[Row]:
        async with self.runtime.store.read() as session:
            return list((await session.execute(select(table))).scalars())


@asynccontextmanager
async def open_x_stage(data_dir: Path, database_url: str, clock: ManualClock, **x: object) -> AsyncIterator[XStage]:
    async with XServer(clock=clock.now) as server:
        settings = x_settings(server, data_dir, database_url, **x)
        async with build_runtime(settings, clock) as runtime, open_client(settings) as client:
            stage = XStage(server, clock, runtime, client, server.add_user("ada", "Ada"))
            await stage.lead("first")
            yield stage
            stage.line.close()
            assert server.journal.breaches == []
