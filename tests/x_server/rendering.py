"""Turns stored things into X's JSON: default fields, the asked ones, expansions, and no `data` key when empty."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.x_server.queries import read_list
from tests.x_server.world import DirectMessage, Tweet, User, World

Json = dict[str, Any]


def write_time(moment: datetime) -> str:
    """X's timestamps carry milliseconds; tweepy refuses them without a fraction."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def render_user(user: User, query: Mapping[str, str]) -> Json:
    shown: Json = {"id": user.id, "name": user.name, "username": user.username}
    optional = {"created_at": write_time(user.created_at), "protected": False, "verified": False, "description": ""}
    return shown | _choose(optional, read_list(query, "user.fields"))


def render_tweet(tweet: Tweet, query: Mapping[str, str]) -> Json:
    shown: Json = {"id": tweet.id, "text": tweet.text, "edit_history_tweet_ids": [tweet.id]}
    optional: Json = {
        "author_id": tweet.author_id,
        "conversation_id": tweet.conversation_id,
        "created_at": write_time(tweet.created_at),
        "lang": "en",
        "reply_settings": "everyone",
        "possibly_sensitive": False,
    }
    references = [("replied_to", tweet.in_reply_to_id), ("quoted", tweet.quoted_id)]
    referenced = [{"type": kind, "id": id_} for kind, id_ in references if id_ is not None]
    if referenced:
        optional["referenced_tweets"] = referenced
    if tweet.in_reply_to_user_id is not None:
        optional["in_reply_to_user_id"] = tweet.in_reply_to_user_id
    # An expansion brings its field along.
    wanted = read_list(query, "tweet.fields") | {name.split(".")[0] for name in read_list(query, "expansions")}
    return shown | _choose(optional, wanted)


def render_message(message: DirectMessage, query: Mapping[str, str]) -> Json:
    shown: Json = {"id": message.id, "event_type": "MessageCreate", "text": message.text}
    optional = {
        "created_at": write_time(message.created_at),
        "dm_conversation_id": message.conversation_id,
        "sender_id": message.sender_id,
    }
    return shown | _choose(optional, read_list(query, "dm_event.fields") | read_list(query, "expansions"))


def include_for_tweets(world: World, tweets: Sequence[Tweet], query: Mapping[str, str]) -> Json:
    """The `includes` key of an answer with tweets; without matter, nothing."""
    wanted = read_list(query, "expansions")
    referenced = [
        world.tweets[id_]
        for tweet in tweets
        for id_ in (tweet.in_reply_to_id, tweet.quoted_id)
        if id_ is not None and id_ in world.tweets
    ]
    user_ids: list[str] = []
    if "author_id" in wanted:
        user_ids += [tweet.author_id for tweet in tweets]
    if "in_reply_to_user_id" in wanted:
        user_ids += [tweet.in_reply_to_user_id for tweet in tweets if tweet.in_reply_to_user_id is not None]
    if "referenced_tweets.id.author_id" in wanted:
        user_ids += [tweet.author_id for tweet in referenced]
    includes: Json = {}
    if user_ids:
        includes["users"] = _render_users(world, user_ids, query)
    if referenced and wanted & {"referenced_tweets.id", "referenced_tweets.id.author_id"}:
        unique = {tweet.id: tweet for tweet in referenced}
        includes["tweets"] = [render_tweet(tweet, query) for tweet in unique.values()]
    return {"includes": includes} if includes else {}


def include_for_messages(world: World, messages: Sequence[DirectMessage], query: Mapping[str, str]) -> Json:
    if not messages or "sender_id" not in read_list(query, "expansions"):
        return {}
    return {"includes": {"users": _render_users(world, [message.sender_id for message in messages], query)}}


def write_list(entries: Sequence[Json], next_token: str | None, *, with_id_range: bool) -> Json:
    """`data` and `meta`; X leaves `data` out when there is nothing."""
    meta: Json = {"result_count": len(entries)}
    if entries and with_id_range:
        meta |= {"newest_id": entries[0]["id"], "oldest_id": entries[-1]["id"]}
    if next_token is not None:
        meta["next_token"] = next_token
    return ({"data": list(entries)} if entries else {}) | {"meta": meta}


def _render_users(world: World, user_ids: Sequence[str], query: Mapping[str, str]) -> list[Json]:
    return [render_user(world.users[user_id], query) for user_id in dict.fromkeys(user_ids)]


def _choose(optional: Json, wanted: set[str]) -> Json:
    return {name: value for name, value in optional.items() if name in wanted}
