"""What X lets the account write, and what its policy asks beyond that: checks before a tweet or message is stored."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from tests.x_server.journal import Billable, Journal
from tests.x_server.problems import Problem, forbidden, invalid_request
from tests.x_server.text import (
    MAX_WEIGHTED_LENGTH,
    find_mentions,
    fold,
    has_url,
    is_stop_word,
    measure_weight,
)
from tests.x_server.world import DirectMessage, Tweet, User, World

# X does not say how long it remembers a text; a bot that repeats itself within a day is refused for certain.
DUPLICATE_PERIOD = timedelta(hours=24)
MAX_MESSAGE_LENGTH = 10_000

TWEET_KEYS = {"text", "reply", "quote_tweet_id", "reply_settings"}
MESSAGE_KEYS = {"text"}


def read_text(body: Mapping[str, Any], allowed: set[str]) -> str:
    """The text of a body that has only known keys."""
    for key, value in body.items():
        if key not in allowed:
            raise invalid_request(key, str(value), f"$.{key}: is not defined in the schema or not supported here")
    text = body.get("text")
    if not isinstance(text, str) or not text.strip():
        raise invalid_request("text", str(text), "$.text: must be a text that is not empty")
    return text


def read_reply_target(body: Mapping[str, Any]) -> str | None:
    if "reply" not in body:
        return None
    reply = body["reply"]
    target = reply.get("in_reply_to_tweet_id") if isinstance(reply, dict) and len(reply) == 1 else None
    if not isinstance(target, str) or not target.isdigit():
        raise invalid_request("reply", str(reply), "$.reply: must have exactly in_reply_to_tweet_id, digits in a text")
    return target


def check_tweet(world: World, bot: User, body: Mapping[str, Any]) -> tuple[str, str | None]:
    """The text and the tweet it answers, when X would take them."""
    text, target = read_text(body, TWEET_KEYS), read_reply_target(body)
    if "quote_tweet_id" in body:
        raise forbidden("Quoting through the API is not available in your access tier.")
    if measure_weight(text) > MAX_WEIGHTED_LENGTH:
        raise Problem(400, "Invalid Request", f"Your post is longer than {MAX_WEIGHTED_LENGTH} weighted characters.")
    if target is not None:
        _check_summoned(world, bot, target)
    since = world.now() - DUPLICATE_PERIOD
    own = [tweet for tweet in (*world.tweets.values(), *world.deleted.values()) if tweet.author_id == bot.id]
    if any(fold(tweet.text) == fold(text) and tweet.created_at > since for tweet in own):
        raise forbidden("You are not allowed to create a Tweet with duplicate content.")
    return text, target


def _check_summoned(world: World, bot: User, target_id: str) -> None:
    target = world.tweets.get(target_id)
    if target is None or target.author_id in world.blocked_by:
        raise forbidden("You attempted to reply to a Tweet that is deleted or not visible to you.")
    if target.author_id == bot.id or not (world.mentions(target, bot) or world.quotes(target, bot)):
        raise forbidden(
            "Reply to this conversation is not allowed because you have not been mentioned "
            "or otherwise engaged by the author of the post you are replying to."
        )


def record_tweet(journal: Journal, earlier_replies: Sequence[Tweet], tweet: Tweet, author_name: str | None) -> None:
    """Bill a stored tweet and note where the app broke the policy; `author_name` is whom a reply answers."""
    if has_url(tweet.text):
        journal.bill_write(Billable.POST_WITH_URL)
    else:
        journal.bill_write(Billable.SUMMONED_REPLY if tweet.in_reply_to_id is not None else Billable.POST)
    if tweet.in_reply_to_id is not None and earlier_replies:
        journal.record_breach("one reply per mention", tweet.in_reply_to_id, f"reply {len(earlier_replies) + 1}")
    if tweet.in_reply_to_id is not None and has_url(tweet.text):
        journal.record_breach("no link in a reply", tweet.id, tweet.text)
    strangers = find_mentions(tweet.text) - ({author_name.lower()} if author_name is not None else set())
    if strangers:
        journal.record_breach("no unasked mention", tweet.id, ", ".join(sorted(strangers)))


def check_message(world: World, bot: User, recipient_id: str, body: Mapping[str, Any]) -> str:
    """The text, when the recipient has opened the conversation."""
    text = read_text(body, MESSAGE_KEYS)
    if len(text) > MAX_MESSAGE_LENGTH:
        raise Problem(400, "Invalid Request", f"The message is longer than {MAX_MESSAGE_LENGTH} characters.")
    opened = any(message.sender_id == recipient_id for message in world.messages)
    if recipient_id == bot.id or not opened or recipient_id in world.blocked_by:
        raise forbidden("You do not have permission to DM one or more participants.")
    return text


def record_message(journal: Journal, earlier: Sequence[DirectMessage], message: DirectMessage) -> None:
    """Bill a sent message; after a stop word one confirmation is fine, the next message is not."""
    journal.bill_write(Billable.DM_SEND)
    for sent_since, known in enumerate(reversed(earlier)):
        if known.sender_id == message.recipient_id:
            if is_stop_word(known.text) and sent_since > 0:
                journal.record_breach("silence after a stop word", message.recipient_id, message.text)
            return
