"""Reads query parameters as strictly as X: unknown names and values are refused, pages are cut by id."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from tests.x_server.problems import invalid_request

TWEET_FIELDS = {
    "attachments", "author_id", "context_annotations", "conversation_id", "created_at", "edit_controls",
    "edit_history_tweet_ids", "entities", "geo", "id", "in_reply_to_user_id", "lang", "note_tweet",
    "possibly_sensitive", "public_metrics", "referenced_tweets", "reply_settings", "source", "text", "withheld",
}  # fmt: skip
USER_FIELDS = {
    "created_at", "description", "entities", "id", "location", "most_recent_tweet_id", "name", "pinned_tweet_id",
    "profile_image_url", "protected", "public_metrics", "url", "username", "verified", "verified_type", "withheld",
}  # fmt: skip
DM_FIELDS = {
    "attachments", "created_at", "dm_conversation_id", "event_type", "id", "participant_ids", "referenced_tweets",
    "sender_id", "text",
}  # fmt: skip
LISTS: dict[str, set[str]] = {
    "tweet.fields": TWEET_FIELDS,
    "user.fields": USER_FIELDS,
    "dm_event.fields": DM_FIELDS,
    "event_types": {"MessageCreate", "ParticipantsJoin", "ParticipantsLeave"},
    "exclude": {"replies", "retweets"},
}
TWEET_EXPANSIONS = {
    "author_id", "in_reply_to_user_id", "referenced_tweets.id", "referenced_tweets.id.author_id",
    "entities.mentions.username", "edit_history_tweet_ids", "attachments.media_keys",
}  # fmt: skip
DM_EXPANSIONS = {"sender_id", "participant_ids", "referenced_tweets.id", "attachments.media_keys"}

USER_PARAMETERS = {"user.fields", "tweet.fields", "expansions"}
TWEET_PARAMETERS = USER_PARAMETERS | {"media.fields", "place.fields", "poll.fields"}
PAGE_PARAMETERS = {"max_results", "pagination_token", "since_id", "until_id", "start_time", "end_time"}
TIMELINE_PARAMETERS = TWEET_PARAMETERS | PAGE_PARAMETERS
SEARCH_PARAMETERS = TIMELINE_PARAMETERS | {"query", "next_token", "sort_order"}
DM_PARAMETERS = USER_PARAMETERS | {
    "dm_event.fields", "event_types", "media.fields", "max_results", "pagination_token",
}  # fmt: skip


class Stored(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def created_at(self) -> datetime: ...


S = TypeVar("S", bound=Stored)


@dataclass(frozen=True)
class Page:
    """Where to cut a list: between two ids and two moments, at most `size` entries."""

    size: int
    after_id: int
    before_id: int | None
    start: datetime | None
    end: datetime | None


def check_parameters(query: Mapping[str, str], allowed: set[str], expansions: set[str]) -> None:
    for name, value in query.items():
        if name not in allowed:
            raise invalid_request(name, value, f"The query parameter [{name}] is not one of {sorted(allowed)}")
        known = expansions if name == "expansions" else LISTS.get(name)
        unknown = set(value.split(",")) - known if known is not None else set()
        if unknown:
            raise invalid_request(name, value, f"The `{name}` query parameter value {sorted(unknown)} is not known")


def read_list(query: Mapping[str, str], name: str) -> set[str]:
    return set(filter(None, query.get(name, "").split(",")))


def read_page(query: Mapping[str, str], sizes: range, default_size: int) -> Page:
    size = read_number(query, "max_results", default_size)
    if size not in sizes:
        message = f"The `max_results` query parameter value [{size}] is not between {sizes[0]} and {sizes[-1]}"
        raise invalid_request("max_results", str(size), message)
    token = query.get("pagination_token") or query.get("next_token")
    until = read_number(query, "until_id", None)
    before = [bound for bound in (until, read_token(token) if token else None) if bound is not None]
    return Page(
        size=size,
        after_id=read_number(query, "since_id", 0),
        before_id=min(before) if before else None,
        start=read_time(query, "start_time"),
        end=read_time(query, "end_time"),
    )


def read_number(query: Mapping[str, str], name: str, default: int | None) -> int:
    if name not in query:
        return default  # type: ignore[return-value]  # None only where the caller allows it
    if not query[name].isascii() or not query[name].isdigit():
        raise invalid_request(name, query[name], f"The `{name}` query parameter value [{query[name]}] is not valid")
    return int(query[name])


def read_time(query: Mapping[str, str], name: str) -> datetime | None:
    if name not in query:
        return None
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"):
        try:
            return datetime.strptime(query[name], form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise invalid_request(name, query[name], f"Invalid '{name}':'{query[name]}'. It must be an RFC 3339 timestamp")


def write_token(last_id: str) -> str:
    return base64.b32encode(f"before {last_id}".encode()).decode().rstrip("=").lower()


def read_token(token: str) -> int:
    try:
        text = base64.b32decode(token.upper() + "=" * (-len(token) % 8)).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    word, _, number = text.partition(" ")
    if word != "before" or not number.isdigit():
        raise invalid_request("pagination_token", token, f"The 'pagination_token' [{token}] is not valid")
    return int(number)


def cut_page(newest_first: Sequence[S], page: Page) -> tuple[list[S], str | None]:
    """The entries of the page and the token of the next one, None at the end."""
    matching = [
        entry
        for entry in newest_first
        if int(entry.id) > page.after_id
        and (page.before_id is None or int(entry.id) < page.before_id)
        and (page.start is None or entry.created_at >= page.start)
        and (page.end is None or entry.created_at < page.end)
    ]
    shown = matching[: page.size]
    return shown, write_token(shown[-1].id) if len(matching) > len(shown) else None
