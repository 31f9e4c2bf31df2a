"""The routes of X's API: read the request, apply the rules, answer X's JSON."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web

from tests.x_server import queries, rendering, rules
from tests.x_server.journal import Billable, Journal
from tests.x_server.problems import Problem, forbidden, invalid_request, missing_resource, not_found
from tests.x_server.rendering import Json
from tests.x_server.world import DirectMessage, Tweet, User, World, name_conversation

MAX_MENTIONS = 800
DM_EVENT_AGE = timedelta(days=30)
SEARCH_AGE = timedelta(days=7)


@dataclass(frozen=True)
class Endpoint:
    """A route with the group its rate limit counts in; `app_only` says whether a bearer token may call it."""

    method: str
    path: str
    group: str
    app_only: bool
    handler: Callable[[web.Request], Awaitable[web.Response]]


@dataclass
class Api:
    """The handlers; each works for the one account of the app."""

    world: World
    journal: Journal
    bot: User

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint("GET", "/2/users/me", "me", False, self.get_me),
            Endpoint("GET", "/2/users/by/username/{username}", "user by name", True, self.get_user_by_name),
            Endpoint("GET", "/2/users/{user_id}/mentions", "mentions", True, self.get_mentions),
            Endpoint("GET", "/2/users/{user_id}/tweets", "user tweets", True, self.get_user_tweets),
            Endpoint("GET", "/2/tweets/search/recent", "search", True, self.search_tweets),
            Endpoint("GET", "/2/tweets/{tweet_id}", "tweets", True, self.get_tweet),
            Endpoint("POST", "/2/tweets", "create tweet", False, self.create_tweet),
            Endpoint("DELETE", "/2/tweets/{tweet_id}", "delete tweet", False, self.delete_tweet),
            Endpoint("GET", "/2/dm_events", "dm events", False, self.get_dm_events),
            Endpoint("GET", "/2/dm_conversations/with/{user_id}/dm_events", "dm events", False, self.get_dm_events),
            Endpoint("GET", "/2/dm_conversations/{conversation}/dm_events", "dm events", False, self.get_dm_events),
            Endpoint("POST", "/2/dm_conversations/with/{user_id}/messages", "send dm", False, self.send_dm),
            Endpoint("POST", "/2/dm_conversations/{conversation}/messages", "send dm", False, self.send_dm),
        )

    async def get_me(self, request: web.Request) -> web.Response:
        queries.check_parameters(request.query, queries.USER_PARAMETERS, {"pinned_tweet_id", "most_recent_tweet_id"})
        self._bill(Billable.USER_READ, self.bot.id)
        return web.json_response({"data": rendering.render_user(self.bot, request.query)})

    async def get_user_by_name(self, request: web.Request) -> web.Response:
        queries.check_parameters(request.query, queries.USER_PARAMETERS, {"pinned_tweet_id", "most_recent_tweet_id"})
        username = request.match_info["username"]
        user = self.world.find_user(username)
        if user is None:
            return web.json_response({"errors": [missing_resource("user", "username", username)]})
        self._bill(Billable.USER_READ, user.id)
        return web.json_response({"data": rendering.render_user(user, request.query)})

    async def get_mentions(self, request: web.Request) -> web.Response:
        user = self._find_user(request)
        found = [t for t in self._newest_tweets() if t.author_id != user.id and self.world.mentions(t, user)]
        kind = Billable.OWNED_READ if user.id == self.bot.id else Billable.POST_READ
        return self._answer_tweets(request, found[:MAX_MENTIONS], lambda tweet: kind)

    async def get_user_tweets(self, request: web.Request) -> web.Response:
        user = self._find_user(request)
        excluded = queries.read_list(request.query, "exclude")
        found = [tweet for tweet in self._newest_tweets() if tweet.author_id == user.id]
        if "replies" in excluded:
            found = [tweet for tweet in found if tweet.in_reply_to_id is None]
        return self._answer_tweets(request, found, self._price_of, {"exclude"})

    async def search_tweets(self, request: web.Request) -> web.Response:
        """Words, `from:name` and `@name`, all of which must match: the small part of the language a test needs."""
        words = request.query.get("query", "").split()
        if not words:
            raise invalid_request("query", "", "The `query` query parameter can not be empty")
        since = self.world.now() - SEARCH_AGE
        found = [t for t in self._newest_tweets() if t.created_at > since and all(self._has(t, w) for w in words)]
        return self._answer_tweets(request, found, self._price_of, queries.SEARCH_PARAMETERS, range(10, 101))

    async def get_tweet(self, request: web.Request) -> web.Response:
        queries.check_parameters(request.query, queries.TWEET_PARAMETERS, queries.TWEET_EXPANSIONS)
        tweet = self.world.tweets.get(request.match_info["tweet_id"])
        if tweet is None:
            return web.json_response({"errors": [missing_resource("tweet", "id", request.match_info["tweet_id"])]})
        self._bill(self._price_of(tweet), tweet.id)
        included = rendering.include_for_tweets(self.world, [tweet], request.query)
        return web.json_response({"data": rendering.render_tweet(tweet, request.query)} | included)

    async def create_tweet(self, request: web.Request) -> web.Response:
        text, target = rules.check_tweet(self.world, self.bot, await _read_body(request))
        earlier = [tweet for tweet in self.all_tweets() if target and tweet.in_reply_to_id == target]
        tweet = self.world.add_tweet(self.bot.id, text, target, None)
        asked_by = self.world.users[tweet.in_reply_to_user_id].username if tweet.in_reply_to_user_id else None
        own_earlier = [reply for reply in earlier if reply.author_id == self.bot.id]
        rules.record_tweet(self.journal, own_earlier, tweet, asked_by)
        shown = {"id": tweet.id, "text": tweet.text, "edit_history_tweet_ids": [tweet.id]}
        return web.json_response({"data": shown}, status=201)

    async def delete_tweet(self, request: web.Request) -> web.Response:
        tweet = self.world.tweets.get(request.match_info["tweet_id"])
        if tweet is None:
            raise not_found()
        if tweet.author_id != self.bot.id:
            raise forbidden("You are not authorized to delete this Tweet.")
        self.world.delete_tweet(tweet.id)
        return web.json_response({"data": {"deleted": True}})

    async def get_dm_events(self, request: web.Request) -> web.Response:
        query = request.query
        queries.check_parameters(query, queries.DM_PARAMETERS, queries.DM_EXPANSIONS)
        oldest = self.world.now() - DM_EVENT_AGE
        messages = [message for message in reversed(self.world.messages) if message.created_at > oldest]
        if request.match_info:
            messages = [message for message in messages if message.conversation_id == self._conversation_of(request)]
        if queries.read_list(query, "event_types") and "MessageCreate" not in queries.read_list(query, "event_types"):
            messages = []
        shown, token = queries.cut_page(messages, queries.read_page(query, range(1, 101), 100))
        for message in shown:
            self._bill(Billable.DM_EVENT_READ, message.id)
        rows = [rendering.render_message(message, query) for message in shown]
        included = rendering.include_for_messages(self.world, shown, query)
        return web.json_response(rendering.write_list(rows, token, with_id_range=False) | included)

    async def send_dm(self, request: web.Request) -> web.Response:
        conversation = self._conversation_of(request)
        recipient_id = next((part for part in conversation.split("-") if part != self.bot.id), self.bot.id)
        text = rules.check_message(self.world, self.bot, recipient_id, await _read_body(request))
        earlier = [message for message in self.world.messages if message.conversation_id == conversation]
        message: DirectMessage = self.world.add_message(self.bot.id, recipient_id, text)
        rules.record_message(self.journal, earlier, message)
        shown = {"dm_conversation_id": message.conversation_id, "dm_event_id": message.id}
        return web.json_response({"data": shown}, status=201)

    def all_tweets(self) -> list[Tweet]:
        """Deleted ones too, oldest first."""
        return sorted([*self.world.tweets.values(), *self.world.deleted.values()], key=lambda tweet: int(tweet.id))

    def _newest_tweets(self) -> list[Tweet]:
        return list(reversed(self.world.tweets.values()))

    def _answer_tweets(
        self,
        request: web.Request,
        newest_first: Sequence[Tweet],
        price_of: Callable[[Tweet], Billable],
        more_parameters: set[str] | None = None,
        sizes: range = range(5, 101),
    ) -> web.Response:
        query = request.query
        allowed = queries.TIMELINE_PARAMETERS | (more_parameters or set())
        queries.check_parameters(query, allowed, queries.TWEET_EXPANSIONS)
        shown, token = queries.cut_page(newest_first, queries.read_page(query, sizes, 10))
        for tweet in shown:
            self._bill(price_of(tweet), tweet.id)
        rows = [rendering.render_tweet(tweet, query) for tweet in shown]
        body: Json = rendering.write_list(rows, token, with_id_range=True)
        return web.json_response(body | rendering.include_for_tweets(self.world, shown, query))

    def _price_of(self, tweet: Tweet) -> Billable:
        return Billable.OWNED_READ if tweet.author_id == self.bot.id else Billable.POST_READ

    def _bill(self, kind: Billable, resource_id: str) -> None:
        self.journal.bill_read(kind, resource_id, self.world.now().date())

    def _has(self, tweet: Tweet, word: str) -> bool:
        if word.startswith("from:"):
            return self.world.users[tweet.author_id].username.lower() == word[5:].lower()
        return word.lower() in tweet.text.lower()

    def _find_user(self, request: web.Request) -> User:
        user_id = request.match_info["user_id"]
        if not user_id.isdigit():
            raise invalid_request("id", user_id, f"The `id` query parameter value [{user_id}] is not valid")
        if user_id not in self.world.users:
            detail = f"Could not find user with id: [{user_id}]."
            raise Problem(404, "Not Found Error", detail)
        return self.world.users[user_id]

    def _conversation_of(self, request: web.Request) -> str:
        if "user_id" in request.match_info:
            return name_conversation(self.bot.id, self._find_user(request).id)
        parts = request.match_info["conversation"].split("-")
        if len(parts) != 2 or self.bot.id not in parts or not all(part in self.world.users for part in parts):
            raise forbidden("You do not have permission to DM one or more participants.")
        return name_conversation(*parts)


async def _read_body(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise Problem(415, "Unsupported Media Type", "The body must be application/json.")
    try:
        body = json.loads(await request.read())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Problem(400, "Invalid Request", "The body is not a JSON object.")
    return body
