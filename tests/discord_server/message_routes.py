"""Messages of a channel: post, list, read, edit, delete; with permissions, nonce memory and closed direct messages."""

from datetime import timedelta

from tests.discord_server import permissions as bits
from tests.discord_server.calls import NO_CONTENT, Answer, Call, Route
from tests.discord_server.errors import (
    ApiError,
    Json,
    invalid_form,
    missing_access,
    missing_permissions,
    unknown_channel,
    unknown_message,
)
from tests.discord_server.intents import MESSAGE_CONTENT
from tests.discord_server.payloads import message_payload, redacted
from tests.discord_server.posting import delete_message, edit_message, post_message
from tests.discord_server.validation import check_message, check_not_empty
from tests.discord_server.world import FORUM, Channel, Message

OLD_AFTER = timedelta(hours=1)


async def create(call: Call) -> Answer:
    server, payload = call.server, call.object_body()
    channel = find_channel(call)
    if channel.kind == FORUM:
        raise ApiError(400, 50008, "Cannot send messages in a non-text channel")
    check_message(payload, call.uploads)
    check_may_send(call, channel, payload)
    reference = _find_reference(channel, payload)
    nonce = payload.get("nonce")
    if nonce is not None and payload.get("enforce_nonce"):
        known = server.find_by_nonce(nonce)
        if known is not None:
            return Answer(message_payload(server.world, known))
    message = post_message(
        server, channel, server.world.bot, payload, call.uploads, reference=reference, from_application=True
    )
    if nonce is not None:
        server.remember_nonce(nonce, message)
    return Answer(message_payload(server.world, message))


async def list_messages(call: Call) -> Answer:
    channel = find_channel(call)
    limit = call.number("limit", 50, 1, 100)
    anchors = [name for name in ("around", "before", "after") if name in call.query]
    if len(anchors) > 1:
        raise invalid_form(anchors[1], "BASE_TYPE_EXCLUSIVE", "around, before and after are mutually exclusive.")
    found = list(channel.messages.values())
    if not call.server.world.permissions_in(channel, call.server.world.bot) & bits.READ_MESSAGE_HISTORY:
        return Answer([])
    anchor = anchors[0] if anchors else "before"
    found = _select(found, anchor, call.number(anchor, 2**63, 0, 2**63), limit)
    return Answer([_readable(call, message) for message in reversed(found)])


async def get_message(call: Call) -> Answer:
    channel = find_channel(call)
    if not call.server.world.permissions_in(channel, call.server.world.bot) & bits.READ_MESSAGE_HISTORY:
        raise missing_access()
    return Answer(_readable(call, find_message(call, channel)))


async def edit(call: Call) -> Answer:
    server, payload = call.server, call.object_body()
    message = find_message(call, find_channel(call))
    if message.author is not server.world.bot:
        raise ApiError(403, 50005, "Cannot edit a message authored by another user")
    check_edit(message, payload, call.uploads)
    if server.world.now() - message.created_at > OLD_AFTER:
        message.edits_when_old += 1
        if message.edits_when_old > server.edits_of_old_messages:
            text = "Maximum number of edits to messages older than 1 hour reached. Try again later."
            raise ApiError(429, 30046, text, retry_after=server.old_edit_retry_seconds)
    edit_message(server, message, payload, call.uploads)
    return Answer(message_payload(server.world, message))


async def delete(call: Call) -> Answer:
    server = call.server
    channel = find_channel(call)
    message = find_message(call, channel)
    if message.author is not server.world.bot:
        if channel.guild is None:
            raise ApiError(403, 50003, "Cannot execute action on a DM channel")
        if not server.world.permissions_in(channel, server.world.bot) & bits.MANAGE_MESSAGES:
            raise missing_permissions()
    delete_message(server, message)
    return NO_CONTENT


async def react(call: Call) -> Answer:
    channel = find_channel(call)
    find_message(call, channel)
    if not call.server.world.permissions_in(channel, call.server.world.bot) & bits.ADD_REACTIONS:
        raise missing_permissions()
    return NO_CONTENT


async def type_in(call: Call) -> Answer:
    check_may_send(call, find_channel(call), {})
    return NO_CONTENT


def find_channel(call: Call) -> Channel:
    channel = call.server.world.channels.get(call.identifier("channel"))
    if channel is None:
        raise unknown_channel()
    if channel.guild is not None:
        can_see = call.server.world.permissions_in(channel, call.server.world.bot) & bits.VIEW_CHANNEL
        if not channel.guild.has_bot or not can_see:
            raise missing_access()
    return channel


def find_message(call: Call, channel: Channel) -> Message:
    message = channel.messages.get(call.identifier("message"))
    if message is None:
        raise unknown_message()
    return message


def check_may_send(call: Call, channel: Channel, payload: Json) -> None:
    if channel.recipient is not None:
        if not call.server.world.is_reachable(channel.recipient):
            raise ApiError(403, 50278, "Cannot send messages to this user due to having no mutual guilds")
        if not channel.recipient.dms_open:
            raise ApiError(403, 50007, "Cannot send messages to this user")
        return
    if channel.archived and channel.locked:
        raise ApiError(400, 50083, "Thread is archived")
    held = call.server.world.permissions_in(channel, call.server.world.bot)
    needed = bits.SEND_MESSAGES_IN_THREADS if channel.is_thread else bits.SEND_MESSAGES
    needed |= bits.EMBED_LINKS if payload.get("embeds") else 0
    needed |= bits.ATTACH_FILES if call.uploads else 0
    needed |= bits.READ_MESSAGE_HISTORY if payload.get("message_reference") else 0
    if needed & ~held:
        raise missing_permissions()


def check_edit(message: Message, payload: Json, uploads: dict[int, tuple[str, bytes]]) -> None:
    kept = [(int(attachment["id"]), attachment["filename"]) for attachment in message.attachments]
    check_message(payload, uploads, is_edit=True, kept=kept, current_flags=message.flags)
    merged = {
        "content": payload.get("content", message.content),
        "embeds": payload.get("embeds", message.embeds),
        "components": payload.get("components", message.components),
    }
    listed = payload.get("attachments")
    left = len(kept) if listed is None else len(listed)
    if not left:
        check_not_empty(merged, uploads)


def _find_reference(channel: Channel, payload: Json) -> Message | None:
    reference = payload.get("message_reference")
    if not reference or reference.get("type"):
        return None
    message = channel.messages.get(int(reference["message_id"]))
    if message is None and reference.get("fail_if_not_exists", True):
        raise invalid_form("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
    return message


def _select(messages: list[Message], anchor: str, identifier: int, limit: int) -> list[Message]:
    """Oldest first; `after` takes those that follow directly, `before` those just in front."""
    older = [message for message in messages if message.id < identifier]
    newer = [message for message in messages if message.id > identifier]
    if anchor == "before":
        return older[-limit:]
    if anchor == "after":
        return newer[:limit]
    centre = [message for message in messages if message.id == identifier]
    return older[-(limit // 2) :] + centre + newer[: limit // 2]


def _readable(call: Call, message: Message) -> Json:
    enabled = bool(call.server.privileged_intents & MESSAGE_CONTENT)
    payload = message_payload(call.server.world, message)
    return redacted(call.server.world, payload, message, content_intent=enabled)


ROUTES = [
    Route("POST", "/channels/{channel}/messages", create),
    Route("GET", "/channels/{channel}/messages", list_messages),
    Route("GET", "/channels/{channel}/messages/{message}", get_message),
    Route("PATCH", "/channels/{channel}/messages/{message}", edit),
    Route("DELETE", "/channels/{channel}/messages/{message}", delete),
    Route("PUT", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me", react),
    Route("DELETE", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me", react),
    Route("POST", "/channels/{channel}/typing", type_in),
]
