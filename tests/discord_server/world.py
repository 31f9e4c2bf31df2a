"""The state of the stand-in: people, servers, channels, messages, commands. No I/O, no events."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.discord_server import permissions
from tests.discord_server.errors import Json

EPOCH_MILLISECONDS = 1_420_070_400_000
TEXT, DIRECT, FORUM, PUBLIC_THREAD, PRIVATE_THREAD = 0, 1, 15, 11, 12
EPHEMERAL = 1 << 6


@dataclass(eq=False)
class User:
    id: int
    name: str
    bot: bool = False
    locale: str = "en-US"
    email: str | None = None
    dms_open: bool = True
    has_installed: bool = False
    """The person added the application to their own account, so its commands follow them everywhere."""

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"


@dataclass(eq=False)
class Role:
    id: int
    name: str
    permissions: int
    position: int = 0


@dataclass(eq=False)
class Guild:
    id: int
    name: str
    locale: str
    owner: User
    everyone: Role
    roles: dict[int, Role] = field(default_factory=dict, repr=False)
    members: dict[int, "Member"] = field(default_factory=dict, repr=False)
    channels: dict[int, "Channel"] = field(default_factory=dict, repr=False)
    commands: dict[tuple[str, int], Json] = field(default_factory=dict)
    has_bot: bool = True
    available: bool = True


@dataclass(eq=False)
class Member:
    guild: Guild
    user: User
    roles: list[Role]
    joined_at: datetime
    nick: str | None = None


@dataclass(eq=False)
class Channel:
    id: int
    kind: int
    name: str
    guild: Guild | None = None
    parent: "Channel | None" = None
    recipient: User | None = None
    owner: User | None = None
    topic: str | None = None
    overwrites: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Per role or user id: allowed bits, denied bits."""
    messages: dict[int, "Message"] = field(default_factory=dict, repr=False)
    archived: bool = False
    locked: bool = False
    auto_archive_minutes: int = 1440
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def is_thread(self) -> bool:
        return self.kind in (10, PUBLIC_THREAD, PRIVATE_THREAD)

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"


@dataclass(eq=False)
class Message:
    """A message as stored; `mentions` holds those who were really pinged."""

    id: int
    channel: Channel
    author: User
    content: str
    created_at: datetime
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    mentions: list[User] = field(default_factory=list)
    mention_roles: list[int] = field(default_factory=list)
    mention_everyone: bool = False
    nonce: str | int | None = None
    flags: int = 0
    edited_at: datetime | None = None
    edits_when_old: int = 0
    deleted: bool = False
    reference: "Message | None" = None
    thread: Channel | None = None
    interaction: Json | None = None
    from_application: bool = False
    visible_to: User | None = None
    """Set for an ephemeral message: the only person who sees it."""

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)


class World:
    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.now: Callable[[], datetime] = now or (lambda: datetime.now(UTC))
        self._last_id = 0
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.commands: dict[tuple[str, int], Json] = {}
        self.attachments: dict[int, tuple[str, bytes]] = {}
        self.bot = self.add_user("warroom", bot=True)
        self.application_owner = self.add_user("application_owner")
        self.application_id = self.new_id()

    def new_id(self) -> int:
        """A snowflake: strictly growing, its upper bits are the time."""
        milliseconds = int(self.now().timestamp() * 1000) - EPOCH_MILLISECONDS
        self._last_id = max(self._last_id + 1, milliseconds << 22)
        return self._last_id

    def add_user(self, name: str, *, bot: bool = False, locale: str = "en-US") -> User:
        user = User(self.new_id(), name, bot=bot, locale=locale)
        self.users[user.id] = user
        return user

    def add_guild(self, name: str, *, locale: str = "en-US", owner: User | None = None, bot_permissions: int) -> Guild:
        identifier = self.new_id()
        everyone = Role(identifier, "@everyone", permissions.EVERYONE)
        guild = Guild(identifier, name, locale, owner or self.add_user(f"{name} owner"), everyone)
        guild.roles[everyone.id] = everyone
        self.guilds[identifier] = guild
        self.add_member(guild, guild.owner)
        bot_role = self.add_role(guild, self.bot.name, bot_permissions)
        self.add_member(guild, self.bot, [bot_role])
        return guild

    def add_role(self, guild: Guild, name: str, bits: int = 0) -> Role:
        role = Role(self.new_id(), name, bits, position=len(guild.roles))
        guild.roles[role.id] = role
        return role

    def add_member(
        self, guild: Guild, user: User, roles: Iterable[Role] = (), joined_at: datetime | None = None
    ) -> Member:
        member = Member(guild, user, list(roles), joined_at or self.now())
        guild.members[user.id] = member
        return member

    def add_channel(self, guild: Guild, name: str, *, kind: int = TEXT, topic: str | None = None) -> Channel:
        channel = Channel(self.new_id(), kind, name, guild=guild, topic=topic, created_at=self.now())
        return self._register(channel)

    def add_thread(
        self, parent: Channel, name: str, owner: User, *, kind: int = PUBLIC_THREAD, identifier: int | None = None
    ) -> Channel:
        thread = Channel(
            identifier or self.new_id(), kind, name, parent.guild, parent, owner=owner, created_at=self.now()
        )
        return self._register(thread)

    def direct_channel(self, user: User) -> Channel:
        """The one channel between the bot and this person, made on first use."""
        known = self.find_direct_channel(user)
        return known or self._register(Channel(self.new_id(), DIRECT, "", recipient=user, created_at=self.now()))

    def find_direct_channel(self, user: User) -> Channel | None:
        return next((channel for channel in self.channels.values() if channel.recipient is user), None)

    def _register(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        if channel.guild is not None:
            channel.guild.channels[channel.id] = channel
        return channel

    def shares_guild(self, user: User) -> bool:
        return any(guild.has_bot and user.id in guild.members for guild in self.guilds.values())

    def is_reachable(self, user: User) -> bool:
        return self.shares_guild(user) or user.has_installed

    def permissions_in(self, channel: Channel, user: User) -> int:
        if channel.guild is None:
            return permissions.DIRECT if user is self.bot or user is channel.recipient else 0
        member = channel.guild.members.get(user.id)
        if member is None:
            return 0
        return permissions.channel_permissions(channel, member)
