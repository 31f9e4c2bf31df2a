"""Channels: opening direct ones, reading and changing one, threads."""

from tests.discord_server import permissions as bits
from tests.discord_server.calls import NO_CONTENT, Answer, Call, Route
from tests.discord_server.errors import ApiError, Json, invalid_form, missing_permissions
from tests.discord_server.lengths import check_text
from tests.discord_server.message_routes import find_channel, find_message
from tests.discord_server.payloads import channel_payload, message_payload
from tests.discord_server.posting import post_message
from tests.discord_server.validation import check_message
from tests.discord_server.world import FORUM, PRIVATE_THREAD, PUBLIC_THREAD, TEXT, Channel

ARCHIVE_MINUTES = (60, 1440, 4320, 10080)
THREAD_FIELDS = {"name", "archived", "locked", "auto_archive_duration", "rate_limit_per_user", "invitable", "flags"}


async def open_direct(call: Call) -> Answer:
    """Opening counts, also for a channel that exists: keep its id."""
    server, recipient = call.server, str(call.object_body().get("recipient_id", ""))
    user = server.world.users.get(int(recipient)) if recipient.isdigit() else None
    if user is None:
        raise ApiError(400, 50033, "Invalid Recipient(s)")
    if user.bot:
        raise ApiError(400, 50007, "Cannot send messages to this user")
    is_new = server.world.find_direct_channel(user) is None
    if is_new and server.dm_open_limit is not None and len(server.dms_opened) >= server.dm_open_limit:
        raise ApiError(400, 40003, "You are opening direct messages too fast")
    server.dm_open_calls.append(user)
    if is_new:
        server.dms_opened.append(user)
    return Answer(channel_payload(server.world.direct_channel(user)))


async def get_channel(call: Call) -> Answer:
    return Answer(channel_payload(find_channel(call)))


async def change_channel(call: Call) -> Answer:
    server, payload = call.server, call.object_body()
    channel = find_channel(call)
    if channel.guild is None:
        raise ApiError(403, 50003, "Cannot execute action on a DM channel")
    held = server.world.permissions_in(channel, server.world.bot)
    if channel.is_thread:
        may = held & bits.MANAGE_THREADS or (channel.owner is server.world.bot and set(payload) <= THREAD_FIELDS)
    else:
        may = held & bits.MANAGE_CHANNELS
    if not may:
        raise missing_permissions()
    _apply(channel, payload)
    server.gateway.dispatch("THREAD_UPDATE" if channel.is_thread else "CHANNEL_UPDATE", channel_payload(channel))
    return Answer(channel_payload(channel))


def _apply(channel: Channel, payload: Json) -> None:
    if payload.get("name") is not None:
        check_text(payload["name"], "name", 1, 100)
        channel.name = payload["name"]
    if payload.get("topic") is not None:
        check_text(payload["topic"], "topic", 0, 1024)
        channel.topic = payload["topic"]
    if "auto_archive_duration" in payload:
        channel.auto_archive_minutes = _checked_minutes(payload)
    channel.archived = bool(payload.get("archived", channel.archived))
    channel.locked = bool(payload.get("locked", channel.locked))


async def start_from_message(call: Call) -> Answer:
    channel, payload = find_channel(call), call.object_body()
    message = find_message(call, channel)
    _check_may_start(call, channel, bits.CREATE_PUBLIC_THREADS)
    if message.thread is not None:
        raise ApiError(400, 160004, "A thread has already been created for this message")
    thread = _start(call, channel, payload, PUBLIC_THREAD, message.id)
    message.thread = thread
    return Answer(channel_payload(thread), 201)


async def start(call: Call) -> Answer:
    """A thread without a message, or a post in a forum, which brings its first message."""
    server, channel, payload = call.server, find_channel(call), call.object_body()
    if channel.kind == FORUM:
        first = payload.get("message")
        if not isinstance(first, dict):
            raise invalid_form("message", "BASE_TYPE_REQUIRED", "This field is required")
        check_message(first, call.uploads, path="message")
        _check_may_start(call, channel, bits.SEND_MESSAGES)
        thread = _start(call, channel, payload, PUBLIC_THREAD, None)
        message = post_message(server, thread, server.world.bot, first, call.uploads, from_application=True)
        return Answer({**channel_payload(thread), "message": message_payload(server.world, message)}, 201)
    kind = payload.get("type", PRIVATE_THREAD)
    if kind not in (PUBLIC_THREAD, PRIVATE_THREAD):
        raise invalid_form("type", "BASE_TYPE_CHOICES", "Value must be one of {11, 12}.")
    private = kind == PRIVATE_THREAD
    _check_may_start(call, channel, bits.CREATE_PRIVATE_THREADS if private else bits.CREATE_PUBLIC_THREADS)
    return Answer(channel_payload(_start(call, channel, payload, kind, None)), 201)


def _check_may_start(call: Call, channel: Channel, needed: int) -> None:
    if channel.kind not in (TEXT, FORUM):
        raise ApiError(400, 50024, "Cannot execute action on this channel type")
    if not call.server.world.permissions_in(channel, call.server.world.bot) & needed:
        raise missing_permissions()


def _start(call: Call, channel: Channel, payload: Json, kind: int, identifier: int | None) -> Channel:
    check_text(payload.get("name"), "name", 1, 100)
    minutes = _checked_minutes(payload)
    world = call.server.world
    thread = world.add_thread(channel, payload["name"], world.bot, kind=kind, identifier=identifier)
    thread.auto_archive_minutes = minutes
    call.server.gateway.dispatch("THREAD_CREATE", {**channel_payload(thread), "newly_created": True})
    return thread


def _checked_minutes(payload: Json) -> int:
    minutes = payload.get("auto_archive_duration") or 1440
    if minutes not in ARCHIVE_MINUTES:
        raise invalid_form(
            "auto_archive_duration", "BASE_TYPE_CHOICES", f"Value must be one of {set(ARCHIVE_MINUTES)}."
        )
    return int(minutes)


async def join_thread(call: Call) -> Answer:
    if not find_channel(call).is_thread:
        raise ApiError(400, 50024, "Cannot execute action on this channel type")
    return NO_CONTENT


ROUTES = [
    Route("POST", "/users/@me/channels", open_direct),
    Route("GET", "/channels/{channel}", get_channel),
    Route("PATCH", "/channels/{channel}", change_channel),
    Route("POST", "/channels/{channel}/messages/{message}/threads", start_from_message),
    Route("POST", "/channels/{channel}/threads", start),
    Route("PUT", "/channels/{channel}/thread-members/@me", join_thread),
    Route("PUT", "/channels/{channel}/thread-members/{user}", join_thread),
]
