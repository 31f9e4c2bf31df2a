"""Refuses message payloads the way the real REST side does; lengths are counted in UTF-16 units.

One rule is the house's own: a payload without `allowed_mentions` is refused, so that no message of ours can ever
ping by accident.
"""

from collections.abc import Collection
from datetime import datetime
from urllib.parse import urlsplit

from tests.discord_server.component_validation import attachment_references, check_components
from tests.discord_server.errors import ApiError, Json, invalid_form
from tests.discord_server.lengths import check_text, utf16_length

EPHEMERAL = 1 << 6
IS_COMPONENTS_V2 = 1 << 15
SETTABLE_FLAGS = 1 << 2 | 1 << 12 | IS_COMPONENTS_V2
UPLOAD_LIMIT_BYTES = 10 * 1024 * 1024
REQUEST_LIMIT_BYTES = 25 * 1024 * 1024


def check_message(
    payload: Json,
    uploads: dict[int, tuple[str, bytes]],
    *,
    path: str = "",
    ephemeral_allowed: bool = False,
    is_edit: bool = False,
    kept: Collection[tuple[int, str]] = (),
    current_flags: int = 0,
) -> None:
    """A message to be created or edited; `kept` are id and name of the attachments an edited message has."""
    prefix = f"{path}." if path else ""
    if not isinstance(payload.get("allowed_mentions"), dict):
        raise invalid_form(f"{prefix}allowed_mentions", "HOUSE_RULE", "Every payload must say allowed_mentions.")
    check_allowed_mentions(payload["allowed_mentions"], f"{prefix}allowed_mentions")
    flags = _checked_flags(payload, prefix, ephemeral_allowed, is_edit)
    is_v2 = bool((flags | current_flags) & IS_COMPONENTS_V2)
    if payload.get("content") is not None:
        check_text(payload["content"], f"{prefix}content", 0, 2000)
    _check_nonce(payload, prefix)
    names = _checked_attachments(payload, uploads, kept, prefix)
    embeds = payload.get("embeds") or []
    _check_embeds(embeds, names, f"{prefix}embeds")
    components = payload.get("components") or []
    if is_v2 and (payload.get("content") or embeds or payload.get("poll") or payload.get("sticker_ids")):
        raise invalid_form(
            f"{prefix}content",
            "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
            "The 'content' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
        )
    check_components(components, f"{prefix}components", is_v2=is_v2)
    for reference in attachment_references(components):
        if reference not in names:
            raise invalid_form(
                f"{prefix}components",
                "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND",
                f"The referenced attachment {reference} was not found",
            )
    if not is_edit:
        check_not_empty(payload, uploads)


def check_not_empty(payload: Json, uploads: dict[int, tuple[str, bytes]]) -> None:
    has_text = bool(str(payload.get("content") or "").strip())
    has_embed = any(
        set(embed) - {"type", "flags", "fields"} or embed.get("fields") for embed in payload.get("embeds") or []
    )
    if not (
        has_text
        or has_embed
        or uploads
        or payload.get("components")
        or payload.get("sticker_ids")
        or payload.get("poll")
    ):
        raise ApiError(400, 50006, "Cannot send an empty message")


def check_allowed_mentions(value: Json, path: str) -> None:
    parse = value.get("parse", [])
    if not isinstance(parse, list) or set(parse) - {"roles", "users", "everyone"}:
        raise invalid_form(f"{path}.parse", "BASE_TYPE_CHOICES", "Value must be one of {'everyone', 'roles', 'users'}.")
    for kind in ("users", "roles"):
        named = value.get(kind) or []
        if len(named) > 100:
            raise invalid_form(f"{path}.{kind}", "BASE_TYPE_MAX_LENGTH", "Must be 100 or fewer in length.")
        if named and kind in parse:
            raise invalid_form(
                path, "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", f"parse:[{kind}] and {kind}: are mutually exclusive."
            )


def _checked_flags(payload: Json, prefix: str, ephemeral_allowed: bool, is_edit: bool) -> int:
    flags = payload.get("flags") or 0
    if not isinstance(flags, int):
        raise invalid_form(f"{prefix}flags", "NUMBER_TYPE_COERCE", "Value is not int.")
    permitted = SETTABLE_FLAGS | (EPHEMERAL if ephemeral_allowed else 0)
    if flags & ~permitted and not is_edit:
        raise invalid_form(f"{prefix}flags", "MESSAGE_FLAGS_INVALID", "These flags cannot be set here.")
    return flags


def _check_nonce(payload: Json, prefix: str) -> None:
    nonce = payload.get("nonce")
    if nonce is not None and (not isinstance(nonce, (str, int)) or utf16_length(str(nonce)) > 25):
        raise invalid_form(f"{prefix}nonce", "NONCE_TYPE_TOO_LONG", "Must be 25 or fewer in length.")


def _checked_attachments(
    payload: Json, uploads: dict[int, tuple[str, bytes]], kept: Collection[tuple[int, str]], prefix: str
) -> set[str]:
    """The file names that `attachment://` may name after this request."""
    if len(uploads) > 10:
        raise invalid_form(f"{prefix}attachments", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    for _, content in uploads.values():
        if len(content) > UPLOAD_LIMIT_BYTES:
            raise ApiError(413, 40005, "Request entity too large")
    names = {index: name for index, (name, _) in uploads.items()}
    existing = dict(kept)
    listed = payload.get("attachments")
    if listed is None:
        return set(names.values()) | set(existing.values())
    result = set()
    for position, attachment in enumerate(listed):
        identifier = int(attachment.get("id", -1))
        if identifier not in names and identifier not in existing:
            raise invalid_form(f"{prefix}attachments.{position}.id", "ATTACHMENT_NOT_FOUND", "Unknown attachment.")
        if attachment.get("description") is not None:
            check_text(attachment["description"], f"{prefix}attachments.{position}.description", 0, 1024)
        if attachment.get("filename"):
            check_text(attachment["filename"], f"{prefix}attachments.{position}.filename", 1, 1024)
        result.add(attachment.get("filename") or names.get(identifier) or existing[identifier])
    return result


def _check_embeds(embeds: list[Json], names: set[str], path: str) -> None:
    if len(embeds) > 10:
        raise invalid_form(path, "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    total = sum(_checked_embed_length(embed, names, f"{path}.{index}") for index, embed in enumerate(embeds))
    if total > 6000:
        raise invalid_form(path, "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")


def _checked_embed_length(embed: Json, names: set[str], path: str) -> int:
    total = 0
    for key, limit in (("title", 256), ("description", 4096)):
        total += check_text(embed.get(key) or "", f"{path}.{key}", 0, limit)
    for key, inner, limit in (("footer", "text", 2048), ("author", "name", 256)):
        if embed.get(key):
            total += check_text(
                embed[key].get(inner) or "", f"{path}.{key}.{inner}", 1 if key == "author" else 0, limit
            )
    fields = embed.get("fields") or []
    if len(fields) > 25:
        raise invalid_form(f"{path}.fields", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for index, field in enumerate(fields):
        total += check_text(field.get("name"), f"{path}.fields.{index}.name", 1, 256)
        total += check_text(field.get("value"), f"{path}.fields.{index}.value", 1, 1024)
    _check_embed_links(embed, names, path)
    colour = embed.get("color")
    if colour is not None and not (isinstance(colour, int) and 0 <= colour <= 0xFFFFFF):
        raise invalid_form(f"{path}.color", "NUMBER_TYPE_MAX", "int value should be less than or equal to 16777215.")
    if embed.get("timestamp") is not None:
        try:
            datetime.fromisoformat(embed["timestamp"])
        except (TypeError, ValueError):
            raise invalid_form(f"{path}.timestamp", "DATE_TIME_TYPE_PARSE", "Could not parse timestamp.") from None
    return total


def _check_embed_links(embed: Json, names: set[str], path: str) -> None:
    links = {"url": (embed.get("url"), False)}
    for key, inner in (
        ("image", "url"),
        ("thumbnail", "url"),
        ("author", "url"),
        ("author", "icon_url"),
        ("footer", "icon_url"),
    ):
        links[f"{key}.{inner}"] = (
            (embed.get(key) or {}).get(inner),
            inner == "icon_url" or key in ("image", "thumbnail"),
        )
    for where, (link, may_be_attachment) in links.items():
        if not link:
            continue
        scheme = urlsplit(str(link)).scheme
        if scheme == "attachment" and may_be_attachment:
            if str(link).removeprefix("attachment://") not in names:
                raise invalid_form(
                    f"{path}.{where}", "ATTACHMENT_NOT_FOUND", f"The referenced attachment {link} was not found"
                )
        elif scheme not in ("http", "https"):
            raise invalid_form(f"{path}.{where}", "URL_TYPE_INVALID_SCHEME", "Scheme must be one of ('http', 'https').")
        elif utf16_length(str(link)) > 2048:
            raise invalid_form(f"{path}.{where}", "BASE_TYPE_MAX_LENGTH", "Must be 2048 or fewer in length.")
