"""The people, tweets and messages of the stand-in: plain storage with X's ids, without any rule."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.x_server.text import find_mentions

# Ids carry their time, as on X: milliseconds since this epoch, then 22 bits.
SNOWFLAKE_EPOCH_MILLISECONDS = 1_288_834_974_657


@dataclass(frozen=True)
class User:
    id: str
    username: str
    name: str
    created_at: datetime


@dataclass(frozen=True)
class Tweet:
    id: str
    text: str
    author_id: str
    created_at: datetime
    conversation_id: str
    in_reply_to_id: str | None = None
    in_reply_to_user_id: str | None = None
    quoted_id: str | None = None


@dataclass(frozen=True)
class DirectMessage:
    id: str
    text: str
    sender_id: str
    recipient_id: str
    created_at: datetime

    @property
    def conversation_id(self) -> str:
        return name_conversation(self.sender_id, self.recipient_id)


def name_conversation(one_id: str, other_id: str) -> str:
    return "-".join(sorted((one_id, other_id), key=int))


@dataclass
class World:
    """Everything stored, oldest first; deleted tweets leave `tweets` and stay in `deleted`."""

    now: Callable[[], datetime]
    users: dict[str, User] = field(default_factory=dict)
    tweets: dict[str, Tweet] = field(default_factory=dict)
    deleted: dict[str, Tweet] = field(default_factory=dict)
    messages: list[DirectMessage] = field(default_factory=list)
    blocked_by: set[str] = field(default_factory=set)
    _last_id: int = 0

    def add_user(self, username: str, name: str) -> User:
        if self.find_user(username) is not None:
            raise ValueError(f"@{username} exists already")
        user = User(self._make_id(), username, name, self.now().astimezone(UTC))
        self.users[user.id] = user
        return user

    def find_user(self, username: str) -> User | None:
        return next((user for user in self.users.values() if user.username.lower() == username.lower()), None)

    def add_tweet(self, author_id: str, text: str, in_reply_to_id: str | None, quoted_id: str | None) -> Tweet:
        parent = self.tweets[in_reply_to_id] if in_reply_to_id is not None else None
        if quoted_id is not None and quoted_id not in self.tweets:
            raise KeyError(quoted_id)
        tweet_id = self._make_id()
        tweet = Tweet(
            id=tweet_id,
            text=text,
            author_id=author_id,
            created_at=self.now().astimezone(UTC),
            conversation_id=parent.conversation_id if parent is not None else tweet_id,
            in_reply_to_id=in_reply_to_id,
            in_reply_to_user_id=parent.author_id if parent is not None else None,
            quoted_id=quoted_id,
        )
        self.tweets[tweet_id] = tweet
        return tweet

    def delete_tweet(self, tweet_id: str) -> None:
        self.deleted[tweet_id] = self.tweets.pop(tweet_id)

    def add_message(self, sender_id: str, recipient_id: str, text: str) -> DirectMessage:
        message = DirectMessage(self._make_id(), text, sender_id, recipient_id, self.now().astimezone(UTC))
        self.messages.append(message)
        return message

    def mentions(self, tweet: Tweet, user: User) -> bool:
        return user.username.lower() in find_mentions(tweet.text)

    def quotes(self, tweet: Tweet, user: User) -> bool:
        quoted = self.tweets.get(tweet.quoted_id or "")
        return quoted is not None and quoted.author_id == user.id

    def _make_id(self) -> str:
        milliseconds = int(self.now().timestamp() * 1000) - SNOWFLAKE_EPOCH_MILLISECONDS
        self._last_id = max(self._last_id + 1, milliseconds << 22)
        return str(self._last_id)
