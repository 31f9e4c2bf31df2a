"""A War Room server, a community, three people and the real bot on the strict stand-in."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlmodel import SQLModel, select

from bot.cogs.opening import OpeningCog
from bot.discord_client import WarroomClient
from bot.discord_supervisor import DiscordSupervisor
from shared.clock import ManualClock
from shared.config import Settings
from shared.decide.prompts import enqueue_due_prompts
from shared.deliver.delivery_loop import DeliveryLoop
from shared.runtime import Runtime, build_runtime
from tests.conftest import make_settings
from tests.discord_server import Channel, DiscordServer, Guild, InteractionOutcome, Message, Modal, User, permissions


@dataclass
class Stage:
    """`ada` is admin of the team, `bea` a viewer, `cy` has no role; `mia` is a member of the community."""

    server: DiscordServer
    clock: ManualClock
    war_room: Guild
    war_room_channel: Channel
    community: Guild
    feedback_channel: Channel
    ada: User
    bea: User
    cy: User
    mia: User
    settings: Settings
    runtime: Runtime = field(init=False)
    supervisor: DiscordSupervisor = field(init=False)
    _bot: asyncio.Task[None] | None = None

    @property
    def client(self) -> WarroomClient:
        assert self.supervisor.client is not None
        return self.supervisor.client

    async def start_bot(self) -> None:
        """Connected, caught up and delivering."""
        self.supervisor = DiscordSupervisor(self.runtime)
        self._bot = asyncio.create_task(self.supervisor.run())
        await self.server.wait_until_ready()
        opening = self.client.get_cog(OpeningCog.__name__)
        assert isinstance(opening, OpeningCog)
        await asyncio.wait_for(opening.is_open.wait(), 10)

    async def stop_bot(self) -> None:
        if self._bot is not None:
            self._bot.cancel()
            await asyncio.gather(self._bot, return_exceptions=True)
            self._bot = None

    async def restart_bot(self) -> None:
        await self.stop_bot()
        await self.server.wait_for(lambda: not self.server.gateway.is_connected)
        await self.start_bot()

    async def enqueue_prompts(self) -> int:
        return await self.runtime.store.writer.run(
            lambda session: enqueue_due_prompts(session, self.settings, self.clock.now(), 20)
        )

    async def deliver(self) -> None:
        """Everything that is due, in order."""
        runtime = self.runtime
        loop = DeliveryLoop(
            runtime.settings,
            runtime.clock,
            runtime.store,
            runtime.channels,
            runtime.epoch,
            runtime.is_leader,
            runtime.instance,
        )
        while await loop.run_once():
            pass

    async def rows(self, table: type[SQLModel]) -> list[Any]:
        async with self.runtime.store.read() as session:
            return list((await session.execute(select(table))).scalars().all())

    async def settle(self) -> None:
        """Handlers and listeners have ended."""
        for _ in range(20):
            await asyncio.sleep(0)
        await self.client.in_flight.wait(5)

    async def press(self, user: User, message: Message | InteractionOutcome, name: str) -> InteractionOutcome:
        """Presses, and lets the handler end: a slow machine may defer first."""
        outcome = await self.server.press(user, message, name)
        await self.settle()
        return outcome

    async def submit(
        self, user: User, form: Modal | InteractionOutcome, values: Mapping[str, Any]
    ) -> InteractionOutcome:
        """Sends a form, and lets the handler end."""
        outcome = await self.server.submit_modal(user, form, values)
        await self.settle()
        return outcome

    def messages_to(self, user: User) -> list[Message]:
        """What the bot wrote to a person, oldest first."""
        channel = self.server.world.find_direct_channel(user)
        return [m for m in channel.messages.values() if m.author is self.server.bot] if channel else []

    def war_room_posts(self) -> list[Message]:
        return list(self.war_room_channel.messages.values())


def build_world(server: DiscordServer) -> dict[str, Any]:
    """Two servers with the people in them; everybody in the War Room server may see team commands."""
    war_room = server.add_guild("Team")
    war_room.everyone.permissions |= permissions.MANAGE_GUILD
    admin, viewer = server.add_role(war_room, "admins"), server.add_role(war_room, "viewers")
    community = server.add_guild("Community")
    return {
        "war_room": war_room,
        "war_room_channel": server.add_channel(war_room, "war-room"),
        "community": community,
        "feedback_channel": server.add_channel(community, "feedback"),
        "ada": server.add_member("ada", [admin], guild=war_room),
        "bea": server.add_member("bea", [viewer], guild=war_room),
        "cy": server.add_member("cy", guild=war_room),
        "mia": server.add_member("mia", guild=community),
        "roles": {"admin_roles": [admin.id], "viewer_roles": [viewer.id]},
    }


def settings_for(
    server: DiscordServer, world: dict[str, Any], data_dir: Path, database_url: str, **sections: object
) -> Settings:
    discord = {
        "war_room_guild": world["war_room"].id,
        "war_room_channel": world["war_room_channel"].id,
        "api_base": server.api_base,
        "gateway_url": server.gateway_url,
        "communities": [
            {"guild": world["community"].id, "site": "docs", "feedback_channel": world["feedback_channel"].id}
        ],
        **world.pop("roles"),
    }
    return make_settings(
        data_dir,
        database_url,
        discord=discord,
        delivery={"channel_pace_seconds": 0},
        secrets={"discord_token": server.token},
        **sections,
    )


@asynccontextmanager
async def open_stage(data_dir: Path, database_url: str, clock: ManualClock, **sections: object) -> AsyncIterator[Stage]:
    """The bot is connected when this yields."""
    async with DiscordServer(now=clock.now) as server:
        world = build_world(server)
        settings = settings_for(server, world, data_dir, database_url, **sections)
        stage = Stage(server=server, clock=clock, settings=settings, **world)
        async with build_runtime(settings, clock) as runtime:
            stage.runtime = runtime
            leading = asyncio.create_task(runtime.leadership.run([]))
            try:
                while not runtime.is_leader():
                    await asyncio.sleep(0.001)
                await stage.start_bot()
                yield stage
            finally:
                await stage.stop_bot()
                leading.cancel()
                await asyncio.gather(leading, return_exceptions=True)
