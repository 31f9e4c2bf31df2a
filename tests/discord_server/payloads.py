"""World objects as the JSON that the real API sends."""

from collections.abc import Iterable
from datetime import datetime

from tests.discord_server import permissions
from tests.discord_server.errors import Json
from tests.discord_server.world import Channel, Guild, Member, Message, Role, User, World


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def user_payload(user: User) -> Json:
    payload: Json = {
        "id": str(user.id),
        "username": user.name,
        "discriminator": "0",
        "global_name": None if user.bot else user.name,
        "avatar": None,
        "public_flags": 0,
    }
    return {**payload, "bot": True} if user.bot else payload


def member_payload(member: Member, *, with_user: bool = True) -> Json:
    payload: Json = {
        "roles": [str(role.id) for role in member.roles],
        "joined_at": iso(member.joined_at),
        "nick": member.nick,
        "avatar": None,
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": None,
    }
    return {**payload, "user": user_payload(member.user)} if with_user else payload


def role_payload(role: Role) -> Json:
    return {
        "id": str(role.id),
        "name": role.name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "position": role.position,
        "permissions": str(role.permissions),
        "managed": False,
        "mentionable": False,
        "flags": 0,
        "icon": None,
        "unicode_emoji": None,
    }


def channel_payload(channel: Channel) -> Json:
    last = next(reversed(channel.messages), None)
    payload: Json = {
        "id": str(channel.id),
        "type": channel.kind,
        "last_message_id": str(last) if last else None,
        "flags": 0,
    }
    if channel.recipient is not None:
        return {**payload, "recipients": [user_payload(channel.recipient)]}
    assert channel.guild is not None
    payload |= {"guild_id": str(channel.guild.id), "name": channel.name, "nsfw": False, "rate_limit_per_user": 0}
    if channel.is_thread:
        return payload | _thread_fields(channel)
    return payload | {
        "position": list(channel.guild.channels).index(channel.id),
        "parent_id": None,
        "topic": channel.topic,
        "permission_overwrites": [
            {"id": str(key), "type": 0 if key in channel.guild.roles else 1, "allow": str(allow), "deny": str(deny)}
            for key, (allow, deny) in channel.overwrites.items()
        ],
    }


def _thread_fields(thread: Channel) -> Json:
    assert thread.parent is not None
    return {
        "parent_id": str(thread.parent.id),
        "owner_id": str(thread.owner.id if thread.owner else 0),
        "message_count": len(thread.messages),
        "member_count": 1,
        "total_message_sent": len(thread.messages),
        "thread_metadata": {
            "archived": thread.archived,
            "auto_archive_duration": thread.auto_archive_minutes,
            "archive_timestamp": iso(thread.created_at),
            "create_timestamp": iso(thread.created_at),
            "locked": thread.locked,
        },
    }


def guild_payload(guild: Guild, members: Iterable[Member]) -> Json:
    """The full server of GUILD_CREATE, with only those members that the session may see."""
    return {
        "id": str(guild.id),
        "name": guild.name,
        "owner_id": str(guild.owner.id),
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "banner": None,
        "description": None,
        "region": "deprecated",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "roles": [role_payload(role) for role in guild.roles.values()],
        "emojis": [],
        "stickers": [],
        "features": [],
        "mfa_level": 0,
        "nsfw_level": 0,
        "application_id": None,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "public_updates_channel_id": None,
        "vanity_url_code": None,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": guild.locale,
        "incidents_data": None,
        "joined_at": iso(next(iter(guild.members.values())).joined_at),
        "large": False,
        "unavailable": False,
        "member_count": len(guild.members),
        "voice_states": [],
        "members": [member_payload(member) for member in members],
        "channels": [channel_payload(channel) for channel in guild.channels.values() if not channel.is_thread],
        "threads": [channel_payload(c) for c in guild.channels.values() if c.is_thread and not c.archived],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def message_payload(world: World, message: Message, *, for_event: bool = False) -> Json:
    payload: Json = {
        "id": str(message.id),
        "channel_id": str(message.channel.id),
        "type": 0,
        "author": user_payload(message.author),
        "content": message.content,
        "timestamp": iso(message.created_at),
        "edited_timestamp": iso(message.edited_at) if message.edited_at else None,
        "tts": False,
        "mention_everyone": message.mention_everyone,
        "mentions": [user_payload(user) for user in message.mentions],
        "mention_roles": [str(role) for role in message.mention_roles],
        "attachments": message.attachments,
        "embeds": message.embeds,
        "components": message.components,
        "pinned": False,
        "flags": message.flags,
    }
    if message.nonce is not None:
        payload["nonce"] = message.nonce
    if message.from_application:
        payload["application_id"] = str(world.application_id)
    if message.interaction is not None:
        payload |= {"type": 20, "webhook_id": str(world.application_id), "interaction_metadata": message.interaction}
    if message.reference is not None:
        payload |= {
            "type": 19,
            "message_reference": {
                "type": 0,
                "message_id": str(message.reference.id),
                "channel_id": str(message.reference.channel.id),
            },
            "referenced_message": None if message.reference.deleted else message_payload(world, message.reference),
        }
    if message.thread is not None:
        payload["thread"] = channel_payload(message.thread)
    guild = message.channel.guild
    if for_event and guild is not None:
        payload["guild_id"] = str(guild.id)
        if message.author.id in guild.members:
            payload["member"] = member_payload(guild.members[message.author.id], with_user=False)
    return payload


def redacted(world: World, payload: Json, message: Message, *, content_intent: bool) -> Json:
    """Without the message content intent the bot reads only direct messages, its own ones and those that mention it."""
    if payload.get("referenced_message") and message.reference is not None:
        inner = redacted(world, payload["referenced_message"], message.reference, content_intent=content_intent)
        payload = {**payload, "referenced_message": inner}
    is_readable = (
        content_intent or message.channel.guild is None or message.author is world.bot or world.bot in message.mentions
    )
    if is_readable:
        return payload
    return {**payload, "content": "", "embeds": [], "attachments": [], "components": []}


def partial_channel_payload(world: World, channel: Channel, user: User) -> Json:
    """The channel inside an interaction, with the permissions of who used it."""
    bits = permissions.DIRECT if channel.guild is None else world.permissions_in(channel, user)
    return {**channel_payload(channel), "permissions": str(bits)}
