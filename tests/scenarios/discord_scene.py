"""The real process connected to the strict Discord: a War Room server, a community, and people in them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bot.discord_stage import build_world
from tests.discord_server import Channel, DiscordServer, Guild, Message, User
from tests.scenarios.warroom_process import WarroomProcess, running_warroom


@dataclass
class Scene:
    server: DiscordServer
    warroom: WarroomProcess
    war_room: Guild
    war_room_channel: Channel
    community: Guild
    feedback_channel: Channel
    ada: User
    bea: User
    cy: User
    mia: User

    async def start(self) -> None:
        """The process leads, the bot is connected, and its standing message is there."""
        await self.warroom.start()
        await self.connected()

    async def connected(self) -> None:
        await self.warroom.until(self._bot_is_up)
        await self.warroom.until(lambda: self.standing_messages())

    async def _bot_is_up(self) -> bool:
        async with self.warroom.http.get("/readyz") as answer:
            parts = (await answer.json())["parts"]
        return bool(parts.get("discord", {}).get("state") == "ok")

    def standing_messages(self) -> list[Message]:
        return [m for m in self.feedback_channel.messages.values() if not m.deleted]

    def posts(self) -> list[Message]:
        return list(self.war_room_channel.messages.values())

    def texts_in_war_room(self) -> str:
        """All that the War Room channel shows, as one text."""
        return "\n".join(f"{post.content}\n{post.embeds}" for post in self.posts())

    def questions_to(self, user: User) -> list[Message]:
        """What the bot wrote to a person, oldest first."""
        return self.server.dms_to(user)

    async def opt_in(self, user: User) -> None:
        await self.server.press(user, self.standing_messages()[0], "Ask me in a week")

    async def answer(self, user: User, question: Message, score: str, words: str) -> None:
        """Presses a score and writes some words; a machine that is too slow for a form offers it by a button."""
        shown = await self.server.press(user, question, score)
        form = shown if shown.modal else await self.server.press(user, shown, "Add words")
        await self.server.submit_modal(user, form, {"text": words})

    async def ask_now(self) -> None:
        """Runs the job that hands due questions to delivery."""
        await self.warroom.operator("run-job", name="send-due-prompts")


@asynccontextmanager
async def discord_scene(folder: Path, database_url: str, **config: Any) -> AsyncIterator[Scene]:
    """Everything connected when this yields."""
    async with DiscordServer() as server:
        world = build_world(server)
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
        secrets = {"WARROOM_DISCORD_TOKEN": server.token}
        async with running_warroom(
            folder, database_url, {"discord": discord, **config}, secrets, start=False
        ) as warroom:
            scene = Scene(server=server, warroom=warroom, **world)
            await scene.start()
            yield scene
            if warroom.is_running():
                await warroom.stop()
            await asyncio.sleep(0)
