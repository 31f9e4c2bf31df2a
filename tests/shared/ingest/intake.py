"""A feedback intake on a real store, with short words for what tests send."""

from typing import Any

from sqlalchemy import delete
from sqlmodel import col, select

from shared.clock import ManualClock
from shared.config import Settings
from shared.derive.rollups import INTAKE_MEASURES, rebuild
from shared.guard.privacy import VisitorHasher
from shared.ingest.feedback import FeedbackIntake, FeedbackOutcome, FeedbackSender, NewFeedback
from shared.ingest.intake_meter import IntakeMeter
from shared.store.database import Store
from shared.store.models import Feedback, OutboxMessage, Rollup
from shared.texts import Texts
from tests.shared.decide.people import KEY, People

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Desk(People):
    """Where feedback is handed in."""

    def __init__(self, settings: Settings, store: Store, clock: ManualClock) -> None:
        super().__init__(settings, store, clock)
        self.meter = IntakeMeter(clock)
        hasher = VisitorHasher(settings, store, clock)
        self.intake = FeedbackIntake(settings, clock, store, hasher, Texts(settings.texts), self.meter, KEY)

    async def send(self, text: str | None = None, sender: FeedbackSender | None = None, **fields: Any) -> str:
        """Feedback from a browser; its id."""
        outcome = await self.take(text, sender, **fields)
        assert outcome.id is not None
        return outcome.id

    async def take(
        self, text: str | None = None, sender: FeedbackSender | None = None, **fields: Any
    ) -> FeedbackOutcome:
        new = NewFeedback(**{"site": "docs", "text": text, **fields})
        return await self.intake.take(new, sender or self.browser())

    def browser(self, address: str = "192.0.2.1", **values: Any) -> FeedbackSender:
        return FeedbackSender(**{"source": "web", "address": address, "user_agent": BROWSER, **values})

    def member(self, external_id: str = "ada", message_key: str | None = None, **values: Any) -> FeedbackSender:
        return FeedbackSender(
            **{
                "source": "discord",
                "platform": "discord",
                "external_id": external_id,
                "message_key": message_key,
                **values,
            }
        )

    async def feedback(self) -> Feedback:
        (only,) = await self.rows(Feedback)
        return only

    async def notes(self) -> list[OutboxMessage]:
        return [row for row in await self.rows(OutboxMessage) if row.kind == "negative_feedback"]

    async def counters(self) -> dict[tuple[str, str, str, str], tuple[int, float]]:
        """All rollups that raw rows explain; counters at zero left out."""
        rows = await self.rows(Rollup)
        return {
            (row.site, row.measure, row.hour.isoformat(), row.key): (row.count, round(row.total, 6))
            for row in rows
            if row.measure not in INTAKE_MEASURES and (row.count or round(row.total, 6))
        }

    async def rebuilt_counters(self) -> dict[tuple[str, str, str, str], tuple[int, float]]:
        async with self.store.read() as session:
            days = (await session.execute(select(col(Rollup.site), col(Rollup.local_day)).distinct())).all()
        await self.run(lambda session: session.execute(delete(Rollup).where(col(Rollup.count) == 0)))
        for site, day in days:
            await self.run(rebuild, site, day)
        return await self.counters()
