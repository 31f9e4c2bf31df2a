"""The one adapter of tweepy: the few calls that Warroom makes on X, typed, with failures that say what happened.

Comes in: plain ids and texts. Goes out: frozen records. Signed by OAuth 1.0a for the account itself. An `XFailure`
with `arrived` unknown is doubt; the others certainly did nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import aiohttp
from tweepy.asynchronous.client import AsyncClient
from tweepy.errors import HTTPException, TooManyRequests, TweepyException, Unauthorized
from yarl import URL

from shared.config import Settings

TIMEOUT_SECONDS = 12.0
DUPLICATE = "duplicate content"
FAILURES = (TweepyException, aiohttp.ClientError, asyncio.TimeoutError, ValueError, OSError)
OTHER_SHAPES = (AttributeError, KeyError, TypeError)  # an answer that is not as documented breaks inside tweepy
Entry = TypeVar("Entry")
Answer = TypeVar("Answer")


class XFailure(Exception):
    """X did not do it."""


class XLimited(XFailure):
    """Too many requests; `reset_at` says when the window opens again."""

    def __init__(self, reset_at: datetime | None) -> None:
        super().__init__("X limits the rate")
        self.reset_at = reset_at


class XUnauthorized(XFailure):
    """The four keys are not valid (any more)."""


class XRefused(XFailure):
    """X understood and said no, for good."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"X refused it ({status}): {detail}")
        self.status = status
        self.detail = detail

    @property
    def is_duplicate(self) -> bool:
        return self.status == 403 and DUPLICATE in self.detail.lower()


class XUnavailable(XFailure):
    """No clear answer; unless `surely_not_done` it may have been done nevertheless."""

    def __init__(self, reason: str, *, surely_not_done: bool = False) -> None:
        super().__init__(f"X cannot be reached ({reason})")
        self.surely_not_done = surely_not_done


@dataclass(frozen=True)
class Mention:
    """A post that names the account; `author` is the handle without @, empty when X did not tell."""

    id: str
    text: str
    author_id: str
    author: str
    created_at: datetime


@dataclass(frozen=True)
class DirectMessage:
    id: str
    text: str
    sender_id: str
    conversation_id: str
    created_at: datetime


@dataclass(frozen=True)
class OwnPost:
    id: str
    text: str
    in_reply_to: str | None


@dataclass(frozen=True)
class Page(Generic[Entry]):
    """Newest first; without a token it is the last page."""

    entries: list[Entry]
    next_token: str | None = None


class XClient:
    """Calls of one account."""

    def __init__(self, client: Any, own_id: str) -> None:
        self._client = client
        self.own_id = own_id

    async def mentions(self, size: int, *, since_id: str, token: str | None = None) -> Page[Mention]:
        """Posts that mention the account, after `since_id`."""
        answer = await _call(
            self._client.get_users_mentions(
                self.own_id,
                user_auth=True,
                max_results=size,
                since_id=since_id,
                pagination_token=token,
                tweet_fields=["author_id", "created_at"],
                expansions=["author_id"],
                user_fields=["username"],
            )
        )
        names = {user.id: user.username for user in answer.includes.get("users", ())}
        return Page(
            [
                Mention(str(post.id), post.text, str(post.author_id), names.get(post.author_id, ""), post.created_at)
                for post in answer.data or ()
            ],
            answer.meta.get("next_token"),
        )

    async def messages(self, size: int, *, token: str | None = None) -> Page[DirectMessage]:
        """Direct messages of all conversations, our own too; X knows no "since" here."""
        return await self._read_messages(max_results=size, pagination_token=token)

    async def conversation_with(self, user_id: str, size: int) -> Page[DirectMessage]:
        """The newest messages of one conversation."""
        return await self._read_messages(participant_id=user_id, max_results=size)

    async def _read_messages(self, **options: Any) -> Page[DirectMessage]:
        fields = ["sender_id", "created_at", "dm_conversation_id"]
        asked = {"event_types": "MessageCreate", "dm_event_fields": fields, "user_auth": True}
        answer = await _call(self._client.get_direct_message_events(**asked, **options))
        return Page(
            [
                DirectMessage(
                    str(event.id), event.text or "", str(event.sender_id), event.dm_conversation_id, event.created_at
                )
                for event in answer.data or ()
            ],
            answer.meta.get("next_token"),
        )

    async def own_posts(self, size: int, since_id: str) -> Page[OwnPost]:
        """What the account posted after `since_id`, newest first."""
        answer = await _call(
            self._client.get_users_tweets(
                self.own_id,
                user_auth=True,
                max_results=size,
                since_id=since_id,
                tweet_fields=["referenced_tweets"],
            )
        )
        return Page([OwnPost(str(post.id), post.text, _replied_to(post)) for post in answer.data or ()])

    async def reply(self, text: str, in_reply_to: str) -> str:
        """The id of the reply."""
        answer = await _call(self._client.create_tweet(text=text, in_reply_to_tweet_id=in_reply_to))
        return str(answer.data["id"])

    async def send_message(self, user_id: str, text: str) -> tuple[str, str]:
        """The ids of the conversation and of the message."""
        answer = await _call(self._client.create_direct_message(participant_id=user_id, text=text))
        return str(answer.data["dm_conversation_id"]), str(answer.data["dm_event_id"])


@asynccontextmanager
async def open_client(settings: Settings) -> AsyncIterator[XClient]:
    """The client with its own session; settings must have the four keys."""
    keys = settings.secrets
    if not (keys.x_consumer_key and keys.x_consumer_secret and keys.x_access_token and keys.x_access_token_secret):
        raise ValueError("the four keys of X are needed")
    token = keys.x_access_token.get_secret_value()
    make_client: Any = AsyncClient  # tweepy has no types
    client = make_client(
        consumer_key=keys.x_consumer_key.get_secret_value(),
        consumer_secret=keys.x_consumer_secret.get_secret_value(),
        access_token=token,
        access_token_secret=keys.x_access_token_secret.get_secret_value(),
        wait_on_rate_limit=False,
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)) as session:
        client.session = _Redirected(session, settings.x.api_base) if settings.x.api_base else session
        yield XClient(client, own_id=token.partition("-")[0])


class _Redirected:
    """Stands where tweepy expects a session: the signature stays that of the real address, the request goes elsewhere.

    tweepy has the host in its code; `api_base` can only be a loopback address (see settings).
    """

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        self._session = session
        self._origin = URL(origin)

    def request(self, method: str, url: str | URL, **options: Any) -> Any:
        moved = URL(url).with_scheme(self._origin.scheme).with_host(self._origin.host or "")
        return self._session.request(method, moved.with_port(self._origin.port), **options)

    async def close(self) -> None:
        await self._session.close()


async def _call(call: Awaitable[Any]) -> Any:
    """The answer, or the failure in our words."""
    try:
        return await call
    except (*FAILURES, *OTHER_SHAPES) as error:
        raise _translate(error) from error


def _translate(error: Exception) -> XFailure:
    if isinstance(error, TooManyRequests):
        return XLimited(_reset_of(error))
    if isinstance(error, Unauthorized):
        return XUnauthorized("X refuses the keys")
    if isinstance(error, HTTPException) and 400 <= error.response.status < 500:
        return XRefused(error.response.status, " ".join(error.api_messages) or "no reason given")
    if isinstance(error, HTTPException):
        return XUnavailable(f"status {error.response.status}")
    if isinstance(error, aiohttp.ContentTypeError):
        return XUnavailable(f"status {error.status}, not JSON")
    refused = isinstance(error, aiohttp.ClientConnectorError)
    return XUnavailable(type(error).__name__, surely_not_done=refused)


def _reset_of(error: TooManyRequests) -> datetime | None:
    raw = error.response.headers.get("x-rate-limit-reset", "")
    return datetime.fromtimestamp(int(raw), UTC) if raw.isdigit() else None


def _replied_to(post: Any) -> str | None:
    found = [reference.id for reference in post.referenced_tweets or () if reference.type == "replied_to"]
    return str(found[0]) if found else None
