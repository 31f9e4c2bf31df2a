"""Turns checked payloads into stored messages and announces them; used by routes, interactions and scripted people."""

import re
from itertools import count
from typing import TYPE_CHECKING

from tests.discord_server.component_validation import walk
from tests.discord_server.errors import Json
from tests.discord_server.payloads import message_payload
from tests.discord_server.permissions import MENTION_EVERYONE
from tests.discord_server.world import Channel, Message, User

if TYPE_CHECKING:
    from tests.discord_server.server import ServerCore

USER_MENTION = re.compile(r"<@!?(\d+)>")
ROLE_MENTION = re.compile(r"<@&(\d+)>")


def post_message(
    server: "ServerCore",
    channel: Channel,
    author: User,
    payload: Json,
    uploads: dict[int, tuple[str, bytes]],
    *,
    reference: Message | None = None,
    interaction: Json | None = None,
    visible_to: User | None = None,
    from_application: bool = False,
) -> Message:
    """Stores a message and tells the gateway; an ephemeral one lives outside the channel and is told to nobody."""
    world = server.world
    message = Message(world.new_id(), channel, author, "", world.now(), reference=reference, interaction=interaction)
    message.flags = payload.get("flags") or 0
    message.visible_to = visible_to
    message.from_application = from_application
    message.nonce = payload.get("nonce")
    fill_message(server, message, payload, uploads)
    if visible_to is None:
        channel.messages[message.id] = message
        if channel.is_thread:
            channel.archived = False
        server.announce_message("MESSAGE_CREATE", message)
    return message


def edit_message(server: "ServerCore", message: Message, payload: Json, uploads: dict[int, tuple[str, bytes]]) -> None:
    fill_message(server, message, payload, uploads)
    if "flags" in payload:
        message.flags = message.flags | (payload["flags"] or 0)
    message.edited_at = server.world.now()
    if message.visible_to is None:
        server.announce_message("MESSAGE_UPDATE", message)
    server.notify()


def delete_message(server: "ServerCore", message: Message) -> None:
    message.deleted = True
    if message.channel.messages.pop(message.id, None) is None:
        return
    data: Json = {"id": str(message.id), "channel_id": str(message.channel.id)}
    if message.channel.guild is not None:
        data["guild_id"] = str(message.channel.guild.id)
    server.gateway.dispatch("MESSAGE_DELETE", data)


def fill_message(server: "ServerCore", message: Message, payload: Json, uploads: dict[int, tuple[str, bytes]]) -> None:
    """Puts in what the payload names and leaves the rest, as PATCH does."""
    if "content" in payload:
        message.content = payload["content"] or ""
        _fill_mentions(server, message, payload.get("allowed_mentions"))
    if "embeds" in payload:
        message.embeds = [{"type": "rich", **embed} for embed in payload["embeds"] or []]
    if "components" in payload:
        message.components = _with_ids(payload["components"] or [])
    if uploads or payload.get("attachments") is not None:
        _fill_attachments(server, message, payload, uploads)


def _fill_mentions(server: "ServerCore", message: Message, allowed: Json | None) -> None:
    """Only who is really pinged; without the field a person pings whom they write."""
    world, channel = server.world, message.channel
    allowed = {"parse": ["users", "roles", "everyone"]} if allowed is None else allowed
    parse = allowed.get("parse", [])
    named = {int(identifier) for identifier in USER_MENTION.findall(message.content)}
    users = [world.users[identifier] for identifier in named if identifier in world.users]
    chosen = {int(identifier) for identifier in allowed.get("users") or []}
    message.mentions = [user for user in users if "users" in parse or user.id in chosen]
    roles = {int(identifier) for identifier in ROLE_MENTION.findall(message.content)}
    chosen = {int(identifier) for identifier in allowed.get("roles") or []}
    message.mention_roles = [role for role in roles if "roles" in parse or role in chosen]
    wants_everyone = "@everyone" in message.content or "@here" in message.content
    may = channel.guild is not None and world.permissions_in(channel, message.author) & MENTION_EVERYONE
    message.mention_everyone = bool(wants_everyone and "everyone" in parse and may)
    pings_author = allowed.get("replied_user", allowed.get("parse") != [])
    if message.reference is not None and pings_author and message.reference.author not in message.mentions:
        message.mentions.append(message.reference.author)


def _fill_attachments(
    server: "ServerCore", message: Message, payload: Json, uploads: dict[int, tuple[str, bytes]]
) -> None:
    known = {int(attachment["id"]): attachment for attachment in message.attachments}
    listed = payload.get("attachments")
    if listed is None:
        listed = [{"id": index} for index in uploads]
        kept = list(known.values())
    else:
        kept = [known[int(entry["id"])] for entry in listed if int(entry["id"]) in known]
    described = {int(entry["id"]): entry for entry in listed}
    message.attachments = kept
    names = {attachment["filename"] for attachment in kept}
    message.files = {name: content for name, content in message.files.items() if name in names}
    for index, (name, content) in uploads.items():
        entry = described.get(index, {})
        attachment = store_attachment(server, entry.get("filename") or name, content)
        if entry.get("description"):
            attachment["description"] = entry["description"]
        message.attachments.append(attachment)
        message.files[attachment["filename"]] = content


def store_attachment(server: "ServerCore", name: str, content: bytes) -> Json:
    identifier = server.world.new_id()
    server.world.attachments[identifier] = (name, content)
    url = f"{server.url}/cdn/attachments/{identifier}/{name}"
    kind = "image/png" if name.endswith(".png") else "application/octet-stream"
    return {
        "id": str(identifier),
        "filename": name,
        "size": len(content),
        "url": url,
        "proxy_url": url,
        "content_type": kind,
    }


def _with_ids(components: list[Json]) -> list[Json]:
    """Every component gets a number, as the real one gives to those that bring none."""
    numbers = count(1)
    taken = {component["id"] for component in walk(components) if component.get("id")}
    for component in walk(components):
        if not component.get("id"):
            component["id"] = next(number for number in numbers if number not in taken)
    return components


def render(server: "ServerCore", message: Message) -> Json:
    return message_payload(server.world, message)
