"""Arranges people in the store: Ada on Discord, Bea on X, Cy in a browser."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from shared.clock import ManualClock
from shared.config import Settings, SiteSettings
from shared.decide import prompts
from shared.ingest import identities
from shared.store.database import Store
from shared.store.models import Identity, OutboxMessage, Person, Prompt

KEY = b"test key"
Result = TypeVar("Result")


class People:
    """Short words for what happens to people in tests."""

    def __init__(self, settings: Settings, store: Store, clock: ManualClock) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        site = settings.site("docs")
        assert site is not None
        self.site: SiteSettings = site

    async def run(self, function: Callable[..., Awaitable[Result]], *args: Any, **named: Any) -> Result:
        async def unit(session: AsyncSession) -> Result:
            return await function(session, *args, **named)

        return await self.store.writer.run(unit)

    async def visit(self, consented_id: str = "cy", **habits: str) -> str:
        """A visit of the docs page; the person's id."""
        person_id, _ = await self.run(
            identities.note_web_usage, self.settings, KEY, self.site, consented_id, self.clock.now(), **habits
        )
        return person_id

    async def use(self, external_id: str = "ada", platform: str = "discord") -> None:
        """An interaction with the bot."""

        async def unit(session: AsyncSession) -> None:
            now = self.clock.now()
            identity, person = await identities.ensure_identity(session, KEY, platform, external_id, "docs", now)
            await identities.note_usage(session, self.settings, identity, person, self.site, now)

        await self.store.writer.run(unit)

    async def opt_in(self, external_id: str = "ada", platform: str = "discord", **named: Any) -> prompts.OptIn:
        now = self.clock.now()
        return await self.run(
            identities.opt_in, self.settings, KEY, platform, external_id, self.site, now, "test", **named
        )

    async def opt_out(self, external_id: str = "ada", platform: str = "discord") -> None:
        now = self.clock.now()
        await self.run(identities.opt_out, self.settings, KEY, platform, external_id, self.site, now, "test")

    async def ask_on_page(self, consented_id: str = "cy") -> Prompt | None:
        return await self.run(prompts.claim_web_prompt, self.settings, self.site, consented_id, self.clock.now())

    async def ask_after_command(self, external_id: str = "ada") -> Prompt | None:
        async def unit(session: AsyncSession) -> Prompt | None:
            found = await identities.find_identity(session, "discord", external_id)
            assert found is not None
            return await prompts.claim_ephemeral_prompt(session, self.settings, *found, self.clock.now())

        return await self.store.writer.run(unit)

    async def send_due(self, limit: int = 100) -> int:
        return await self.run(prompts.enqueue_due_prompts, self.settings, self.clock.now(), limit)

    async def rows(self, table: type[Result]) -> list[Result]:
        async with self.store.read() as session:
            return list((await session.execute(select(table))).scalars())

    async def prompt(self) -> Prompt:
        (only,) = await self.rows(Prompt)
        return only

    async def person(self) -> Person:
        (only,) = await self.rows(Person)
        return only

    async def identity(self) -> Identity:
        (only,) = await self.rows(Identity)
        return only

    async def queued(self) -> list[OutboxMessage]:
        return [row for row in await self.rows(OutboxMessage) if row.state == "pending"]

    async def use_docs_for_a_week(self, consented_id: str = "cy") -> str:
        """Two usage days, seven days apart."""
        await self.visit(consented_id)
        self.clock.advance(days=7)
        return await self.visit(consented_id)

    async def change(self, row: Any, **values: Any) -> None:
        async def unit(session: AsyncSession) -> None:
            for name, value in values.items():
                setattr(row, name, value)
            await session.merge(row)

        await self.store.writer.run(unit)

    def later(self, **duration: float) -> None:
        self.clock.move_to(self.clock.now() + timedelta(**duration))
