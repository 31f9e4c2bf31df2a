"""The Discord client: built anew for every start, because a closed one cannot be used again.

No privileged intents, nobody is ever mentioned unless a message says so, no member cache. Cogs and buttons
are loaded in `setup_hook`; a command or button that does not declare who may use it stops the start.
"""

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from sqlmodel import select

from bot.command_texts import CommandTranslator
from bot.discord_roles import ACCESS, require
from bot.places import is_ours
from bot.replies import ANSWER_KEY, Answer, InFlight, answering
from shared.config import Settings
from shared.errors import StartRefused
from shared.runtime import Runtime
from shared.store.models import StateValue

logger = logging.getLogger(__name__)

IDENTIFY_PAUSE_SECONDS = 5.0
READY_WAIT_SECONDS = 2.0
LONGEST_RATE_LIMIT_SECONDS = 30.0
BeforeIdentify = Callable[[bool], Awaitable[None]]


def needed_intents() -> discord.Intents:
    """Servers, messages there (without their content) and direct messages: none of them privileged."""
    intents = discord.Intents.none()
    intents.guilds = True
    intents.guild_messages = True
    intents.dm_messages = True
    return intents


def use_addresses(settings: Settings) -> None:
    """Points the library at the addresses of a test; the settings allow only loopback ones."""
    if settings.discord.api_base:
        Route.BASE = settings.discord.api_base
    if settings.discord.gateway_url:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.discord.gateway_url)


class WarroomTree(app_commands.CommandTree["WarroomClient"]):
    """Every command passes here: who may, in time, with an answer to every error."""

    async def _call(self, interaction: discord.Interaction["WarroomClient"]) -> None:
        # The library offers a hook before a command and none after it; only here is its end known.
        if interaction.type is discord.InteractionType.autocomplete:
            await super()._call(interaction)
            return
        client = interaction.client
        async with answering(interaction, client.runtime, client.in_flight) as answer:
            if answer is None:
                return
            command = interaction.command
            if command is not None:
                refusal = answer.text("error_not_allowed")
                await require(interaction, client.runtime.settings.discord, command.extras["access"], refusal)
            await super()._call(interaction)
            if command is not None and command.extras.get("usage", True) and not interaction.command_failed:
                client.dispatch("used", interaction)

    async def on_error(
        self, interaction: discord.Interaction["WarroomClient"], error: app_commands.AppCommandError
    ) -> None:
        if ANSWER_KEY not in interaction.extras:  # an autocompletion: it has no answer but an empty list
            logger.warning("an autocompletion failed: %s", error)
            return
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        await Answer.of(interaction).explain(cause)


class WarroomClient(commands.Bot):
    """One connection to Discord."""

    def __init__(self, runtime: Runtime, before_identify: BeforeIdentify) -> None:
        is_test = bool(runtime.settings.discord.gateway_url)
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=WarroomTree,
            intents=needed_intents(),
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
            max_ratelimit_timeout=LONGEST_RATE_LIMIT_SECONDS,
            guild_ready_timeout=0.0 if is_test else READY_WAIT_SECONDS,
        )
        self.runtime = runtime
        self.in_flight = InFlight()
        self.translator = CommandTranslator(runtime.texts)
        self._before_identify = before_identify
        self._identify_pause = 0.0 if is_test else IDENTIFY_PAUSE_SECONDS

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        if not initial:
            await self.runtime.clock.sleep(self._identify_pause)
        await self._before_identify(initial)

    async def setup_hook(self) -> None:
        from bot.cogs import load_cogs  # the cogs and buttons know this class

        await load_cogs(self)
        check_access(self)
        await self.tree.set_translator(self.translator)
        await self.sync_commands()

    async def on_message(self, message: discord.Message, /) -> None:
        """No commands in text: the listeners of the cogs read messages."""

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        logger.exception("a listener of %s failed", event_method)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        if not is_ours(self.runtime.settings, guild.id):
            logger.warning("the bot was added to a server that is not configured: %s", guild.id)

    @property
    def war_room_guild(self) -> discord.Object | None:
        """The War Room server as the target of its commands."""
        guild_id = self.runtime.settings.discord.war_room_guild
        return discord.Object(guild_id) if guild_id else None

    async def sync_commands(self) -> None:
        """Sends the command lists that changed since they were last sent."""
        await self._sync(None)
        if self.war_room_guild is not None:
            await self._sync(self.war_room_guild)

    async def _sync(self, guild: discord.Object | None) -> None:
        """A failure never stops the start: the old commands go on working and the next start tries again."""
        commands = all_commands(self.tree, guild)
        payloads = [await command.get_translated_payload(self.tree, self.translator) for command in commands]
        listed = sorted(json.dumps(payload, sort_keys=True) for payload in payloads)
        digest = hashlib.sha256("\n".join(listed).encode()).hexdigest()
        key = f"discord_commands:{self.application_id}:{guild.id if guild else 'global'}"
        async with self.runtime.store.read() as session:
            known = (await session.execute(select(StateValue).where(StateValue.key == key))).scalar_one_or_none()
        if known is not None and known.value.get("digest") == digest:
            return
        try:
            await self.tree.sync(guild=guild)
        except (discord.HTTPException, app_commands.AppCommandError, aiohttp.ClientError) as error:
            logger.error("the commands could not be sent to Discord: %s", error)
            return
        row = StateValue(key=key, value={"digest": digest}, changed_at=self.runtime.clock.now())
        await self.runtime.store.writer.run(lambda session: session.merge(row))


AnyCommand = app_commands.Command[Any, ..., Any] | app_commands.Group | app_commands.ContextMenu


def all_commands(tree: app_commands.CommandTree["WarroomClient"], guild: discord.Object | None) -> list[AnyCommand]:
    """The commands of the global list or of one server, with the menus of messages."""
    kinds = (discord.AppCommandType.chat_input, discord.AppCommandType.message, discord.AppCommandType.user)
    return [command for kind in kinds for command in tree.get_commands(guild=guild, type=kind)]


def check_access(client: WarroomClient) -> None:
    """Refuses the start when a command or button does not say who may use it."""
    from bot.views import BUTTONS

    undeclared = [button.__name__ for button in BUTTONS if getattr(button, "access", None) not in ACCESS]
    for guild in (None, client.war_room_guild):
        for command in all_commands(client.tree, guild):
            parts = list(command.walk_commands()) if isinstance(command, app_commands.Group) else [command]
            leaves = [part for part in parts if not isinstance(part, app_commands.Group)]
            undeclared += [leaf.qualified_name for leaf in leaves if leaf.extras.get("access") not in ACCESS]
        if client.war_room_guild is None:
            break
    if undeclared:
        raise StartRefused(
            f"These commands or buttons do not declare who may use them: {', '.join(sorted(set(undeclared)))}"
        )


def make_client(runtime: Runtime, before_identify: BeforeIdentify) -> WarroomClient:
    """A client that has not been started."""
    use_addresses(runtime.settings)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody here speaks
    return WarroomClient(runtime, before_identify)
