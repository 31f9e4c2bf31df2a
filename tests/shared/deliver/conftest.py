"""What delivery tests arrange: a lease, prompts of people, messages, a loop."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
from sqlmodel import select

from shared.clock import ManualClock
from shared.config import Settings
from shared.deliver.channel import Channel, ChannelDirectory
from shared.deliver.delivery_loop import DeliveryLoop
from shared.messages import Message, Notice, PromptDirect
from shared.store.database import Store
from shared.store.leases import LEADER, take_lease
from shared.store.models import Identity, OutboxMessage, Person, Prompt, PromptState
from shared.store.outbox import enqueue


class PacedClock(ManualClock):
    """Monotonic time that only moves when told, and sleeps that pass at once."""

    def __init__(self, start: object) -> None:
        super().__init__(start)  # type: ignore[arg-type]
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds

    def advance(self, **duration: float) -> None:
        before = self.now()
        super().advance(**duration)
        self.passed += (self.now() - before).total_seconds()


@pytest.fixture
def clock() -> PacedClock:
    from tests.conftest import NOON

    return PacedClock(NOON)


@dataclass
class Delivery:
    """A store with a leader, and loops that are started and lost as a test wants."""

    settings: Settings
    clock: PacedClock
    store: Store
    epoch: int = 0
    numbers: Iterator[int] = field(default_factory=count)

    async def lead(self, *channels: Channel, **delivery: object) -> DeliveryLoop:
        """A new leader with a new epoch; whatever led before is dead."""
        settings = self.settings
        if delivery:
            changed = settings.delivery.model_copy(update=delivery)
            settings = settings.model_copy(update={"delivery": changed})
        holder = f"process {self.epoch + 1}"
        lease = await self.store.writer.run(
            lambda session: take_lease(session, LEADER, holder, self.clock.now(), 10, force=True)
        )
        assert lease is not None
        self.epoch = lease.epoch
        directory = ChannelDirectory()
        for channel in channels:
            directory.attach(channel)
        epoch = self.epoch
        return DeliveryLoop(settings, self.clock, self.store, directory, lambda: epoch, lambda: True)

    async def put(self, message: Message | None = None, lane: str = "war_room", **options: object) -> int:
        message = message or Notice(title="Something", text="happened")
        values = {"destination": "war_room", "dedupe_key": f"message {next(self.numbers)}"} | options
        row_id = await self.store.writer.run(
            lambda session: enqueue(session, message, now=self.clock.now(), lane=lane, **values)  # type: ignore[arg-type]
        )
        assert row_id is not None
        return row_id

    async def put_prompt(self, name: str = "ada", opens: bool = True) -> int:
        """A claimed prompt and its direct message."""
        person = Person(id=f"person-{name}", site="docs", created_at=self.clock.now(), opted_in_at=self.clock.now())
        identity = Identity(
            id=f"identity-{name}",
            person_id=person.id,
            platform="discord",
            external_id=name,
            site="docs",
            created_at=self.clock.now(),
        )
        message = PromptDirect(
            prompt_id=f"prompt-{name}", identity_id=identity.id, site="docs", opens_conversation=opens
        )

        async def unit(session):
            session.add(person)
            await session.flush()
            session.add(identity)
            row_id = await enqueue(
                session,
                message,
                destination="discord_dm",
                dedupe_key=f"prompt:{message.prompt_id}",
                now=self.clock.now(),
                lane=f"dm:{identity.id}",
                person_id=person.id,
            )
            session.add(
                Prompt(
                    id=message.prompt_id,
                    site="docs",
                    survey="day7",
                    person_id=person.id,
                    identity_id=identity.id,
                    reason="opt_in",
                    state=PromptState.CLAIMED.value,
                    created_at=self.clock.now(),
                    due_at=self.clock.now(),
                    outbox_id=row_id,
                )
            )
            return row_id

        return await self.store.writer.run(unit)

    async def row(self, row_id: int) -> OutboxMessage:
        async with self.store.read() as session:
            return (await session.execute(select(OutboxMessage).where(OutboxMessage.id == row_id))).scalar_one()

    async def rows(self, **conditions: object) -> list[OutboxMessage]:
        async with self.store.read() as session:
            query = select(OutboxMessage).filter_by(**conditions).order_by(OutboxMessage.id)
            return list((await session.execute(query)).scalars())

    async def prompt(self, name: str = "ada") -> Prompt:
        async with self.store.read() as session:
            return (await session.execute(select(Prompt).where(Prompt.id == f"prompt-{name}"))).scalar_one()


@pytest.fixture
def delivery(settings: Settings, clock: PacedClock, store: Store) -> Delivery:
    return Delivery(settings, clock, store)
