"""The gateway: HELLO, IDENTIFY, events with sequence numbers, RESUME with replay, and every way to lose it.

Several sessions may be connected; each gets every event, as with the real one. Switches for faults are attributes.
"""

import asyncio
import json
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.discord_server import intents
from tests.discord_server.errors import Json
from tests.discord_server.journal import EventRecord
from tests.discord_server.payloads import guild_payload, member_payload, user_payload
from tests.discord_server.world import Guild, Member

if TYPE_CHECKING:
    from tests.discord_server.server import ServerCore

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE, RESUME = 0, 1, 2, 3, 4, 6
RECONNECT, REQUEST_MEMBERS, INVALID_SESSION, HELLO, ACK, SOUNDBOARD = 7, 8, 9, 10, 11, 31
CHUNK = 1000
PAYLOADS_PER_MINUTE = 120
MAXIMUM_FRAME = 4096
RESUMABLE_SECONDS = 120.0


@dataclass(eq=False)
class Session:
    id: str
    intents: int
    sequence: int = 0
    events: list[tuple[Json, EventRecord]] = field(default_factory=list, repr=False)
    lost_at: float = 0.0
    connection: "Connection | None" = None


@dataclass(eq=False)
class Connection:
    """One socket with its outgoing queue; a queued integer is a close code, None cuts the line."""

    socket: web.WebSocketResponse
    request: web.Request
    queue: asyncio.Queue[Json | int | None] = field(default_factory=asyncio.Queue)
    session: Session | None = None
    closed_with: int | None = None
    """The code this side chose."""
    received_at: deque[float] = field(default_factory=deque)

    def send(self, op: int, data: Any = None) -> None:
        self.queue.put_nowait({"op": op, "d": data, "s": None, "t": None})


class Gateway:
    def __init__(self, server: "ServerCore") -> None:
        self._server = server
        self.sessions: dict[str, Session] = {}
        self.connections: list[Connection] = []
        self.identified_at: list[float] = []
        self.resumed_at: list[float] = []
        self.heartbeat_milliseconds = 41_250
        self.says_hello = True
        self.acknowledges_heartbeats = True
        self.refuses_connections = False
        self.is_silent = False
        """Events are kept for a resume, but not sent."""
        self.repeats_events = False
        self.paces_identify = False
        """One IDENTIFY per 5 s, as the real one demands; off, so that tests may restart a bot at once."""

    def dispatch(self, name: str, data: Json) -> int:
        """Sends an event to every session that may have it; returns to how many."""
        reached = 0
        for session in self.live_sessions():
            needed = intents.required_intent(name, data)
            if needed & ~session.intents == 0:
                self.send_event(session, name, data)
                reached += 1
        self._server.notify()
        return reached

    def live_sessions(self) -> list[Session]:
        """Those connected, and those that may still be resumed."""
        edge = self._server.monotonic() - RESUMABLE_SECONDS
        for session in list(self.sessions.values()):
            if session.connection is None and session.lost_at < edge:
                del self.sessions[session.id]
        return list(self.sessions.values())

    def send_event(self, session: Session, name: str, data: Json) -> None:
        session.sequence += 1
        frame: Json = {"op": DISPATCH, "t": name, "s": session.sequence, "d": data}
        record = EventRecord(self._server.monotonic(), session.id, session.sequence, name, data)
        session.events.append((frame, record))
        self._server.journal.events.append(record)
        if session.connection is not None and not self.is_silent:
            record.was_sent = True
            for _ in range(2 if self.repeats_events else 1):
                session.connection.queue.put_nowait(frame)

    @property
    def is_connected(self) -> bool:
        return any(session.connection is not None for session in self.sessions.values())

    def close_all(self, code: int) -> None:
        """Closes every socket with this code; 1000, 1001 and codes that end a session forget it."""
        for connection in list(self.connections):
            if code in (1000, 1001, 4004, 4007, 4009) and connection.session is not None:
                self.sessions.pop(connection.session.id, None)
            connection.queue.put_nowait(code)

    def drop_all(self) -> None:
        """Cuts the lines without a word; the sessions can be resumed."""
        for connection in list(self.connections):
            connection.queue.put_nowait(None)

    def ask_to_reconnect(self) -> None:
        for connection in list(self.connections):
            connection.send(RECONNECT)

    def invalidate(self, *, resumable: bool) -> None:
        for connection in list(self.connections):
            if not resumable and connection.session is not None:
                self.sessions.pop(connection.session.id, None)
            connection.send(INVALID_SESSION, resumable)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.refuses_connections:
            return web.Response(status=503, text="upstream connect error")
        socket = web.WebSocketResponse(compress=False, max_msg_size=2**20)
        await socket.prepare(request)
        connection = Connection(socket, request)
        self.connections.append(connection)
        sender = asyncio.create_task(self._send(connection))
        try:
            if request.query.get("v") != "10":
                connection.queue.put_nowait(4012)
            elif request.query.get("encoding") != "json":
                connection.queue.put_nowait(4002)
            elif self.says_hello:
                connection.send(HELLO, {"heartbeat_interval": self.heartbeat_milliseconds, "_trace": []})
            await self._receive(connection)
        finally:
            self._forget(connection)
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            self._server.notify()
        return socket

    async def _send(self, connection: Connection) -> None:
        while True:
            item = await connection.queue.get()
            try:
                if item is None:
                    if connection.request.transport is not None:
                        connection.request.transport.abort()
                    return
                if isinstance(item, int):
                    connection.closed_with = item
                    await connection.socket.close(code=item)
                    return
                await connection.socket.send_str(json.dumps(item))
            except (ConnectionError, RuntimeError):
                return

    async def _receive(self, connection: Connection) -> None:
        async for message in connection.socket:
            if message.type is not WSMsgType.TEXT:
                connection.queue.put_nowait(4002)
                continue
            close_code = self._take_frame(connection, message.data)
            if close_code is not None:
                connection.queue.put_nowait(close_code)
            self._server.notify()

    def _forget(self, connection: Connection) -> None:
        """A goodbye with 1000 or 1001 ends the session; any other end leaves it to be resumed."""
        self.connections.remove(connection)
        code = connection.closed_with or connection.socket.close_code
        self._server.journal.closes.append(None if code in (None, 1006) else code)
        session = connection.session
        if session is None or session.connection is not connection:
            return
        session.connection, session.lost_at = None, self._server.monotonic()
        if code in (1000, 1001):
            self.sessions.pop(session.id, None)

    def _take_frame(self, connection: Connection, text: str) -> int | None:
        """Acts on one payload of the bot; a number is the code to close with."""
        now = self._server.monotonic()
        connection.received_at.append(now)
        while connection.received_at[0] < now - 60:
            connection.received_at.popleft()
        if len(connection.received_at) > PAYLOADS_PER_MINUTE:
            return 4008
        try:
            frame = json.loads(text)
            op, data = frame["op"], frame.get("d")
        except (ValueError, KeyError, TypeError, AttributeError):
            return 4002
        if len(text.encode()) > MAXIMUM_FRAME:
            return 4002
        visible = {key: value for key, value in data.items() if key != "token"} if isinstance(data, dict) else data
        self._server.journal.frames.append({"op": op, "d": visible})
        if op in (IDENTIFY, RESUME, REQUEST_MEMBERS) and not isinstance(data, dict):
            return 4002
        if op == HEARTBEAT:
            if self.acknowledges_heartbeats:
                connection.send(ACK)
            return None
        if op == IDENTIFY:
            return self._identify(connection, data)
        if op == RESUME:
            return self._resume(connection, data)
        if op not in (PRESENCE, VOICE, REQUEST_MEMBERS, SOUNDBOARD):
            return 4001
        if connection.session is None:
            return 4003
        if op == REQUEST_MEMBERS:
            self._send_members(connection.session, data)
        return None

    def _identify(self, connection: Connection, data: Json) -> int | None:
        if connection.session is not None:
            return 4005
        now = self._server.monotonic()
        last = self.identified_at[-1] if self.identified_at else None
        self.identified_at.append(now)
        if data.get("token") != self._server.token:
            return 4004
        wanted = data.get("intents")
        if not isinstance(wanted, int) or wanted & ~intents.KNOWN:
            return 4013
        if not isinstance(data.get("properties"), dict):
            return 4002
        if wanted & intents.PRIVILEGED & ~self._server.privileged_intents:
            return 4014
        if self.paces_identify and last is not None and now - last < 5:
            connection.send(INVALID_SESSION, False)
            return None
        session = Session(secrets.token_hex(16), wanted, connection=connection)
        connection.session = session
        self.sessions[session.id] = session
        self._greet(session)
        return None

    def _greet(self, session: Session) -> None:
        world = self._server.world
        guilds = [guild for guild in world.guilds.values() if guild.has_bot]
        ready: Json = {
            "v": 10,
            "user": {**user_payload(world.bot), "verified": True, "mfa_enabled": False, "flags": 0, "email": None},
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self._server.resume_gateway_url,
            "application": {
                "id": str(world.application_id),
                "flags": intents.application_flags(self._server.privileged_intents),
            },
            "session_type": "normal",
            "private_channels": [],
        }
        self.send_event(session, "READY", ready)
        for guild in guilds:
            if guild.available and session.intents & intents.GUILDS:
                self.send_event(session, "GUILD_CREATE", self.guild_for(session, guild))

    def guild_for(self, session: Session, guild: Guild) -> Json:
        """Without the member intent only the bot's own member comes along."""
        members = guild.members.values()
        if not session.intents & intents.GUILD_MEMBERS:
            members = [guild.members[self._server.world.bot.id]]  # type: ignore[assignment]
        return guild_payload(guild, members)

    def announce_guild(self, guild: Guild) -> None:
        for session in self.live_sessions():
            if session.intents & intents.GUILDS:
                self.send_event(session, "GUILD_CREATE", self.guild_for(session, guild))

    def _resume(self, connection: Connection, data: Json) -> int | None:
        if connection.session is not None:
            return 4005
        if data.get("token") != self._server.token:
            return 4004
        session = self.sessions.get(data.get("session_id", ""))
        if session is None:
            connection.send(INVALID_SESSION, False)
            return None
        sequence = data.get("seq")
        if not isinstance(sequence, int) or sequence > session.sequence:
            self.sessions.pop(session.id, None)
            return 4007
        if session.connection is not None:
            session.connection.queue.put_nowait(4000)
        session.connection, connection.session = connection, session
        self.resumed_at.append(self._server.monotonic())
        for frame, record in session.events:
            if record.sequence > sequence:
                record.was_sent = True
                connection.queue.put_nowait(frame)
        self.send_event(session, "RESUMED", {"_trace": []})
        return None

    def _send_members(self, session: Session, data: Json) -> None:
        """The whole list needs the privileged intent; without it a client waits in vain."""
        guild_id = data.get("guild_id")
        guild = self._server.world.guilds.get(int(guild_id or 0))
        if guild is None or not guild.has_bot:
            return
        asked = data.get("user_ids")
        if asked is None and data.get("query", "") == "" and not session.intents & intents.GUILD_MEMBERS:
            return
        found, missing = _pick_members(guild, data)
        total = max(1, -(-len(found) // CHUNK))
        for index in range(total):
            chunk: Json = {
                "guild_id": str(guild.id),
                "members": [member_payload(member) for member in found[index * CHUNK : (index + 1) * CHUNK]],
                "chunk_index": index,
                "chunk_count": total,
                "not_found": missing,
            }
            if data.get("nonce"):
                chunk["nonce"] = data["nonce"]
            self.send_event(session, "GUILD_MEMBERS_CHUNK", chunk)


def _pick_members(guild: Guild, data: Json) -> tuple[list[Member], list[str]]:
    asked = data.get("user_ids")
    if asked is not None:
        identifiers = [str(value) for value in (asked if isinstance(asked, list) else [asked])][:100]
        found = [guild.members[int(value)] for value in identifiers if int(value) in guild.members]
        return found, [value for value in identifiers if int(value) not in guild.members]
    start, limit = data.get("query", ""), data.get("limit", 0)
    found = [member for member in guild.members.values() if member.user.name.startswith(start)]
    return (found[:limit] if limit else found), []
