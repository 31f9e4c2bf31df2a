"""Permission bits and how roles and channel overwrites add up."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.discord_server.world import Channel, Guild, Member

ADMINISTRATOR = 1 << 3
MANAGE_CHANNELS = 1 << 4
MANAGE_GUILD = 1 << 5
ADD_REACTIONS = 1 << 6
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
MANAGE_MESSAGES = 1 << 13
EMBED_LINKS = 1 << 14
ATTACH_FILES = 1 << 15
READ_MESSAGE_HISTORY = 1 << 16
MENTION_EVERYONE = 1 << 17
MANAGE_ROLES = 1 << 28
USE_APPLICATION_COMMANDS = 1 << 31
MANAGE_THREADS = 1 << 34
CREATE_PUBLIC_THREADS = 1 << 35
CREATE_PRIVATE_THREADS = 1 << 36
SEND_MESSAGES_IN_THREADS = 1 << 38
ALL = (1 << 53) - 1

EVERYONE = (
    VIEW_CHANNEL
    | SEND_MESSAGES
    | ADD_REACTIONS
    | READ_MESSAGE_HISTORY
    | EMBED_LINKS
    | ATTACH_FILES
    | USE_APPLICATION_COMMANDS
    | CREATE_PUBLIC_THREADS
    | SEND_MESSAGES_IN_THREADS
)
"""What a new server gives to everybody."""

BOT = EVERYONE | CREATE_PRIVATE_THREADS | MANAGE_THREADS | MANAGE_MESSAGES
DIRECT = VIEW_CHANNEL | SEND_MESSAGES | EMBED_LINKS | ATTACH_FILES | READ_MESSAGE_HISTORY | ADD_REACTIONS
"""What anybody may do in a direct message."""


def guild_permissions(guild: "Guild", member: "Member") -> int:
    if guild.owner is member.user:
        return ALL
    bits = guild.everyone.permissions
    for role in member.roles:
        bits |= role.permissions
    return ALL if bits & ADMINISTRATOR else bits


def channel_permissions(channel: "Channel", member: "Member") -> int:
    """Everyone's overwrite, then the roles' together, then the member's own; a hidden channel grants nothing."""
    bits = guild_permissions(member.guild, member)
    if bits == ALL:
        return bits
    overwrites = (channel.parent if channel.is_thread and channel.parent else channel).overwrites
    allow, deny = overwrites.get(member.guild.id, (0, 0))
    bits = bits & ~deny | allow
    allow = deny = 0
    for role in member.roles:
        role_allow, role_deny = overwrites.get(role.id, (0, 0))
        allow |= role_allow
        deny |= role_deny
    bits = bits & ~deny | allow
    allow, deny = overwrites.get(member.user.id, (0, 0))
    bits = bits & ~deny | allow
    return bits if bits & VIEW_CHANNEL else 0
