"""The stand-in itself: starts and stops on a loopback port, holds the parts, changes the world, tells the gateway."""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Self

from aiohttp import web

from tests.discord_server import permissions
from tests.discord_server.errors import Json
from tests.discord_server.faults import Faults
from tests.discord_server.gateway import Gateway
from tests.discord_server.intents import MESSAGE_CONTENT, required_intent
from tests.discord_server.interactions import Interactions
from tests.discord_server.journal import Journal
from tests.discord_server.oauth import OAuth
from tests.discord_server.payloads import channel_payload, member_payload, message_payload, redacted, user_payload
from tests.discord_server.posting import delete_message
from tests.discord_server.rate_limits import RateLimits
from tests.discord_server.rest import Rest
from tests.discord_server.validation import REQUEST_LIMIT_BYTES
from tests.discord_server.world import TEXT, Channel, Guild, Member, Message, Role, User, World
from tests.ports import free_port


class ServerCore:
    """The server without scripted people; `now` shifts the dates of what is stored, never the 3 s clock."""

    def __init__(self, *, token: str | None = None, now: Callable[[], datetime] | None = None) -> None:
        self.world = World(now)
        self.token = token or f"{secrets.token_urlsafe(18)}.{secrets.token_urlsafe(4)}.{secrets.token_urlsafe(28)}"
        self.privileged_intents = 0
        """What is switched on in the developer portal, from `intents.PRIVILEGED`."""
        self.nonce_memory_seconds = 300.0
        self.edits_of_old_messages = 3
        """So many edits of a message older than an hour, then 429 with 30046, which the library tries five times."""
        self.old_edit_retry_seconds = 0.5
        self.dm_open_limit: int | None = None
        """So many new direct channels, then 40003."""
        self.dms_opened: list[User] = []
        self.dm_open_calls: list[User] = []
        self.command_creations: dict[int, int] = {}
        self.crashes: list[Exception] = []
        """Mistakes of the stand-in itself; they are raised when it stops."""
        self.journal = Journal()
        self.faults = Faults()
        self.rate_limits = RateLimits()
        self.gateway = Gateway(self)
        self.interactions = Interactions(self)
        self.oauth = OAuth(self)
        self._nonces: dict[str, tuple[float, Message]] = {}
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_base(self) -> str:
        return f"{self.url}/api/v10"

    @property
    def gateway_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/gw/"

    @property
    def resume_gateway_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/gw-resume/"

    @property
    def authorize_url(self) -> str:
        return f"{self.url}/oauth2/authorize"

    @property
    def bot(self) -> User:
        return self.world.bot

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        app = web.Application(client_max_size=REQUEST_LIMIT_BYTES + 2**20)
        for path in ("/gw/", "/gw-resume/"):
            app.router.add_get(path, self.gateway.handle)
        app.router.add_get("/oauth2/authorize", self.oauth.authorize)
        app.router.add_get("/cdn/attachments/{id}/{name}", self._serve_attachment)
        app.router.add_route("*", "/{path:.*}", Rest(self).handle)
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await self.come_up()

    async def come_up(self) -> None:
        """Listens, on the same port as before."""
        assert self._runner is not None
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port or free_port())
        await self._site.start()
        self.port = self._runner.addresses[0][1]

    async def go_down(self, *, keep_sessions: bool = False) -> None:
        """New connections are refused and open ones are cut; a short outage may leave sessions to be resumed."""
        assert self._runner is not None
        assert self._runner.server is not None
        if self._site is not None:
            await self._site.stop()
            self._site = None
        for handler in list(self._runner.server.connections):
            if handler.transport is not None:
                handler.transport.abort()
        if not keep_sessions:
            self.gateway.sessions.clear()
        await self.wait_for(lambda: not self.gateway.connections, 20.0)

    async def stop(self) -> None:
        if self._runner is not None:
            await self.go_down()
            await self._runner.cleanup()
            self._runner = None
        if self.crashes:
            raise ExceptionGroup("the Discord stand-in itself failed", self.crashes)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def notify(self) -> None:
        """Wakes everybody who waits for something to become true."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for(self, predicate: Callable[[], object], timeout: float = 20.0) -> None:
        """Returns once the predicate holds; it is looked at after every request, frame and change."""
        async with asyncio.timeout(timeout):
            while not predicate():
                await self._changed.wait()

    async def wait_until_ready(self, timeout: float = 20.0) -> None:
        """A bot is connected and identified."""
        await self.wait_for(lambda: self.gateway.is_connected, timeout)

    def add_guild(
        self,
        name: str,
        *,
        locale: str = "en-US",
        owner: User | None = None,
        bot_permissions: int = permissions.BOT,
        has_bot: bool = True,
    ) -> Guild:
        guild = self.world.add_guild(name, locale=locale, owner=owner, bot_permissions=bot_permissions)
        if has_bot:
            self.gateway.announce_guild(guild)
        else:
            guild.has_bot = False
            del guild.members[self.bot.id]
        return guild

    def add_channel(self, guild: Guild, name: str, *, kind: int = TEXT, topic: str | None = None) -> Channel:
        channel = self.world.add_channel(guild, name, kind=kind, topic=topic)
        self.dispatch_in(guild, "CHANNEL_CREATE", channel_payload(channel))
        return channel

    def add_role(self, guild: Guild, name: str, bits: int = 0) -> Role:
        return self.world.add_role(guild, name, bits)

    def add_user(self, name: str, *, locale: str = "en-US", has_installed: bool = False) -> User:
        """Somebody who is in no server yet."""
        user = self.world.add_user(name, locale=locale)
        user.has_installed = has_installed
        return user

    def add_member(
        self,
        user: User | str,
        roles: Iterable[Role] = (),
        *,
        guild: Guild | None = None,
        joined_at: datetime | None = None,
    ) -> User:
        """Joins a server, the first one if none is named; a name makes a new person."""
        person = self.world.add_user(user) if isinstance(user, str) else user
        guild = guild or next(iter(self.world.guilds.values()))
        member = self.world.add_member(guild, person, roles, joined_at)
        data = {**member_payload(member), "guild_id": str(guild.id)}
        self.dispatch_in(guild, "GUILD_MEMBER_ADD", data)
        return person

    def set_roles(self, user: User, roles: Iterable[Role], *, guild: Guild | None = None) -> None:
        guild = guild or next(iter(self.world.guilds.values()))
        guild.members[user.id].roles = list(roles)
        self.announce_member_update(guild.members[user.id])

    def announce_member_update(self, member: Member) -> None:
        data = {**member_payload(member), "guild_id": str(member.guild.id)}
        self.dispatch_in(member.guild, "GUILD_MEMBER_UPDATE", data)

    def kick(self, user: User, *, guild: Guild | None = None) -> None:
        """Leaves one server, or all; kicking the bot takes the server away from it."""
        for one in [guild] if guild else list(self.world.guilds.values()):
            if one.members.pop(user.id, None) is None:
                continue
            if user is self.bot:
                one.has_bot = False
                self.gateway.dispatch("GUILD_DELETE", {"id": str(one.id)})
            else:
                self.dispatch_in(one, "GUILD_MEMBER_REMOVE", {"guild_id": str(one.id), "user": user_payload(user)})

    def close_dms(self, user: User) -> None:
        user.dms_open = False

    def open_dms(self, user: User) -> None:
        user.dms_open = True

    def deny(self, channel: Channel, who: User | Role, bits: int) -> None:
        """A channel overwrite that takes permissions away."""
        allow, deny = channel.overwrites.get(who.id, (0, 0))
        channel.overwrites[who.id] = (allow & ~bits, deny | bits)
        assert channel.guild is not None
        self.dispatch_in(channel.guild, "CHANNEL_UPDATE", channel_payload(channel))

    def delete_message(self, message: Message) -> None:
        delete_message(self, message)

    def delete_channel(self, channel: Channel) -> None:
        self.world.channels.pop(channel.id, None)
        if channel.guild is not None:
            data = channel_payload(channel)
            channel.guild.channels.pop(channel.id, None)
            self.dispatch_in(channel.guild, "THREAD_DELETE" if channel.is_thread else "CHANNEL_DELETE", data)

    def messages_in(self, channel: Channel, *, author: User | None = None) -> list[Message]:
        return [message for message in channel.messages.values() if author in (None, message.author)]

    def dms_to(self, user: User) -> list[Message]:
        """What the bot wrote to this person in private, ephemeral answers not counted."""
        channel = self.world.find_direct_channel(user)
        return self.messages_in(channel, author=self.bot) if channel else []

    def dispatch_in(self, guild: Guild, name: str, data: Json) -> None:
        if guild.has_bot:
            self.gateway.dispatch(name, data)

    def announce_message(self, name: str, message: Message) -> None:
        """A message event, redacted for each session by its own intents."""
        channel = message.channel
        if channel.guild is not None:
            can_see = self.world.permissions_in(channel, self.bot) & permissions.VIEW_CHANNEL
            if not channel.guild.has_bot or not can_see:
                return self.notify()
        whole = message_payload(self.world, message, for_event=True)
        for session in self.gateway.live_sessions():
            if required_intent(name, whole) & ~session.intents:
                continue
            content = bool(session.intents & MESSAGE_CONTENT)
            self.gateway.send_event(session, name, redacted(self.world, whole, message, content_intent=content))
        return self.notify()

    def find_by_nonce(self, nonce: str | int) -> Message | None:
        """The message the bot posted under this nonce in the past few minutes, wherever it was."""
        at, message = self._nonces.get(str(nonce), (0.0, None))
        return message if message is not None and self.monotonic() - at <= self.nonce_memory_seconds else None

    def remember_nonce(self, nonce: str | int, message: Message) -> None:
        self._nonces[str(nonce)] = (self.monotonic(), message)

    async def _serve_attachment(self, request: web.Request) -> web.Response:
        identifier = request.match_info["id"]
        stored = self.world.attachments.get(int(identifier)) if identifier.isdigit() else None
        if stored is None:
            return web.Response(status=404)
        return web.Response(body=stored[1], content_type="application/octet-stream")
