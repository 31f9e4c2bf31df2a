"""Each rule of the X stand-in, seen through the real tweepy: what it takes and what it refuses."""

from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from tweepy import BadRequest, Forbidden, NotFound, Unauthorized
from tweepy.asynchronous import AsyncClient
from yarl import URL

from tests.x_server import User, XServer
from tests.x_server.loopback_client import LoopbackSession, MovableClock, make_client, read_mentions
from tests.x_server.text import find_mentions, has_url, measure_weight


async def test_the_account_reads_itself(client: AsyncClient, server: XServer) -> None:
    me = (await client.get_me(user_fields=["created_at"])).data
    assert (str(me.id), me.username) == (server.bot.id, "warroom_bot")
    assert me.created_at == datetime(2026, 11, 2, 9, 30, 0, 123_000, tzinfo=UTC)


@pytest.mark.parametrize("part", ["consumer_key", "consumer_secret", "access_token", "access_token_secret"])
async def test_a_wrong_key_is_refused(client: AsyncClient, server: XServer, part: str) -> None:
    stranger = make_client(server, **{part: "wrong"})
    stranger.session = client.session
    with pytest.raises(Unauthorized):
        await stranger.get_me()
    assert server.journal.calls[-1].status == 401


async def test_a_signature_for_other_parameters_is_refused(client: AsyncClient, server: XServer) -> None:
    class Tampering(LoopbackSession):
        def request(self, method: str, url: str | URL, **options: Any) -> Any:
            return super().request(method, URL(url).update_query(max_results="50"), **options)

    assert isinstance(client.session, LoopbackSession)
    client.session = Tampering(client.session._session, server.url)
    with pytest.raises(Unauthorized):
        await read_mentions(client, server, max_results=5)
    assert server.journal.refusals[-1].refusal == "the signature does not match"


async def test_a_replayed_request_is_refused(server: XServer) -> None:
    sent: list[tuple[str, URL, dict[str, Any]]] = []
    async with aiohttp.ClientSession() as session:

        class Recording(LoopbackSession):
            def request(self, method: str, url: str | URL, **options: Any) -> Any:
                sent.append((method, URL(url), options))
                return super().request(method, url, **options)

        client = make_client(server)
        client.session = Recording(session, server.url)
        await client.get_me()
        method, url, options = sent[0]
        async with LoopbackSession(session, server.url).request(method, url, **options) as answer:
            assert (answer.status, (await answer.json())["type"]) == (401, "about:blank")
        async with session.get(f"{server.url}/2/users/me") as answer:
            assert answer.status == 401


async def test_values_with_colons_commas_and_spaces_are_signed_alike(client: AsyncClient, server: XServer) -> None:
    fields = ["created_at", "author_id"]
    start = datetime(2026, 11, 1, tzinfo=UTC)
    await read_mentions(client, server, start_time=start, tweet_fields=fields, expansions=["author_id"])
    await client.search_recent_tweets("hello wörld from:ada", user_auth=True)
    assert server.journal.refusals == []


async def test_a_bearer_token_reads_but_does_not_write(client: AsyncClient, server: XServer) -> None:
    assert (await client.get_users_mentions(server.bot.id)).data is None
    for refused in (client.get_me(user_auth=False), client.create_tweet(text="hi", user_auth=False)):
        with pytest.raises(Forbidden, match="Application-Only is forbidden"):
            await refused
    assert server.tweets() == []
    client.bearer_token = "wrong"
    with pytest.raises(Unauthorized):
        await client.get_users_mentions(server.bot.id)


async def test_mentions_have_the_asked_fields_and_their_authors(
    client: AsyncClient, server: XServer, ada: User
) -> None:
    tweet_id = server.mention(ada, "the guide is great")
    server.post(ada, "nobody is meant, me@warroom_bot.com neither")
    plain = (await read_mentions(client, server)).data[0]
    assert (plain.text, plain.author_id, plain.created_at) == ("@warroom_bot the guide is great", None, None)
    answer = await read_mentions(
        client, server, tweet_fields=["created_at", "conversation_id"], expansions=["author_id"]
    )
    (tweet,) = answer.data
    assert (str(tweet.id), str(tweet.author_id), str(tweet.conversation_id)) == (tweet_id, ada.id, tweet_id)
    assert tweet.created_at == datetime(2026, 11, 2, 9, 30, 0, 123_000, tzinfo=UTC)
    assert [user.username for user in answer.includes["users"]] == ["ada"]
    assert answer.meta == {"result_count": 1, "newest_id": tweet_id, "oldest_id": tweet_id}


async def test_an_empty_list_has_no_data(client: AsyncClient, server: XServer) -> None:
    client.return_type = dict
    assert await read_mentions(client, server) == {"meta": {"result_count": 0}}
    assert await client.get_direct_message_events(user_auth=True) == {"meta": {"result_count": 0}}


async def test_pages_follow_one_another_and_end(client: AsyncClient, server: XServer, ada: User) -> None:
    ids = [server.mention(ada, f"number {number}") for number in range(12)]
    seen: list[str] = []
    token = None
    while True:
        page = await read_mentions(client, server, since_id=ids[0], max_results=5, pagination_token=token)
        seen += [str(tweet.id) for tweet in page.data]
        if len(seen) == 5:
            server.mention(ada, "arrives in between")
        token = page.meta.get("next_token")
        if token is None:
            break
    assert seen == ids[:0:-1]


@pytest.mark.parametrize(
    "options", [{"max_results": 4}, {"max_results": 101}, {"pagination_token": "zzz"}, {"tweet_fields": ["nonsense"]}]
)
async def test_wrong_parameters_are_refused(client: AsyncClient, server: XServer, options: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        await read_mentions(client, server, **options)


async def test_an_unknown_parameter_is_refused(client: AsyncClient, server: XServer) -> None:
    with pytest.raises(BadRequest, match="since_id"):
        await client.request("GET", "/2/dm_events", params={"since_id": "5"}, user_auth=True)


async def test_a_mention_may_be_answered(client: AsyncClient, server: XServer, ada: User) -> None:
    mention = server.mention(ada, "thanks")
    made = await client.create_tweet(text="You are welcome", in_reply_to_tweet_id=mention)
    (reply,) = server.replies_to(mention)
    assert (made.data["id"], reply.text) == (reply.id, "You are welcome")
    assert (reply.conversation_id, reply.in_reply_to_user_id) == (mention, ada.id)
    assert server.journal.breaches == []


async def test_a_quote_of_the_bot_may_be_answered(client: AsyncClient, server: XServer, ada: User) -> None:
    own = (await client.create_tweet(text="Used it for a week?")).data["id"]
    quote = server.post(ada, "look at this", quotes=own)
    await client.create_tweet(text="Glad you like it", in_reply_to_tweet_id=quote)
    assert len(server.replies_to(quote)) == 1


async def test_who_did_not_summon_the_bot_is_not_answered(client: AsyncClient, server: XServer, ada: User) -> None:
    own = (await client.create_tweet(text="Hello")).data["id"]
    for target in (server.post(ada, "I talk to myself"), own, "12345"):
        with pytest.raises(Forbidden):
            await client.create_tweet(text="Buy now", in_reply_to_tweet_id=target)
    assert len(server.tweets()) == 1


async def test_a_deleted_or_blocked_mention_is_not_answered(client: AsyncClient, server: XServer, ada: User) -> None:
    deleted = server.mention(ada, "oops")
    server.delete_tweet(deleted)
    kept = server.mention(ada, "go away")
    server.block(ada)
    for target in (deleted, kept):
        with pytest.raises(Forbidden, match="deleted or not visible"):
            await client.create_tweet(text="Hi", in_reply_to_tweet_id=target)


async def test_a_second_reply_is_stored_and_journalled(client: AsyncClient, server: XServer, ada: User) -> None:
    mention = server.mention(ada, "thanks")
    await client.create_tweet(text="One", in_reply_to_tweet_id=mention)
    await client.create_tweet(text="Two", in_reply_to_tweet_id=mention)
    assert [(breach.rule, breach.about_id) for breach in server.journal.breaches] == [
        ("one reply per mention", mention)
    ]


async def test_unasked_mentions_and_links_in_replies_are_journalled(
    client: AsyncClient, server: XServer, ada: User
) -> None:
    mention = server.mention(ada, "thanks")
    await client.create_tweet(text="@ada see docs.example.com/start", in_reply_to_tweet_id=mention)
    await client.create_tweet(text="What do you think, @bea?")
    assert [breach.rule for breach in server.journal.breaches] == ["no link in a reply", "no unasked mention"]


async def test_the_same_text_is_refused_for_a_day(client: AsyncClient, server: XServer, clock: MovableClock) -> None:
    first = (await client.create_tweet(text="Used it for a week? DM us")).data["id"]
    await client.delete_tweet(first)
    with pytest.raises(Forbidden, match="duplicate content"):
        await client.create_tweet(text="Used it for a  week? DM us ")
    clock.now += timedelta(days=7)
    await client.create_tweet(text="Used it for a week? DM us")


async def test_the_length_is_weighted(client: AsyncClient, server: XServer) -> None:
    await client.create_tweet(text="a" * 280)
    await client.create_tweet(text="語" * 140)
    await client.create_tweet(text="https://example.com/" + "x" * 400 + " " + "b" * 256)
    for text in ("a" * 281, "語" * 141, "", "👩‍👩‍👧" * 141):
        with pytest.raises(BadRequest):
            await client.create_tweet(text=text)


async def test_quotes_are_not_for_this_tier(client: AsyncClient, server: XServer, ada: User) -> None:
    with pytest.raises(Forbidden):
        await client.create_tweet(text="see", quote_tweet_id=server.mention(ada, "hello"))


def test_texts_are_read_as_x_reads_them() -> None:
    assert measure_weight("👩‍👩‍👧 🇩🇪 1️⃣ 👍🏽") == 11
    assert measure_weight("see https://a.io, ok") == 4 + 23 + 3
    assert measure_weight("e\u0301") == 1
    assert find_mentions("@Ada, mail bea@x.com or (@cy_1)") == {"ada", "cy_1"}
    assert [has_url(text) for text in ("docs.example.com", "v1.2.3", "e.g. this", "a@b.com")] == [True] + [False] * 3


async def test_only_an_opened_conversation_takes_messages(client: AsyncClient, server: XServer, ada: User) -> None:
    with pytest.raises(Forbidden, match="permission to DM"):
        await client.create_direct_message(participant_id=ada.id, text="Hello")
    server.dm(ada, "START")
    made = await client.create_direct_message(participant_id=ada.id, text="Welcome")
    again = await client.create_direct_message(dm_conversation_id=made.data["dm_conversation_id"], text="And?")
    assert [message.text for message in server.dms_to(ada)] == ["Welcome", "And?"]
    assert again.data["dm_event_id"] == server.dms_to(ada)[1].id
    server.block(ada)
    with pytest.raises(Forbidden):
        await client.create_direct_message(participant_id=ada.id, text="Still there?")


async def test_messages_are_read_newest_first_in_pages(client: AsyncClient, server: XServer, ada: User) -> None:
    bea = server.add_user("bea")
    server.dm(ada, "START")
    server.dm(bea, "hello")
    await client.create_direct_message(participant_id=ada.id, text="Welcome")
    fields = ["sender_id", "created_at", "dm_conversation_id"]
    options = {"dm_event_fields": fields, "event_types": "MessageCreate", "user_auth": True}
    first = await client.get_direct_message_events(max_results=2, **options)
    rest = await client.get_direct_message_events(pagination_token=first.meta["next_token"], **options)
    assert [event.text for event in (*first.data, *rest.data)] == ["Welcome", "hello", "START"]
    assert (str(rest.data[0].sender_id), rest.data[0].event_type) == (ada.id, "MessageCreate")
    assert rest.data[0].created_at == datetime(2026, 11, 2, 9, 30, 0, 123_000, tzinfo=UTC)
    with_ada = await client.get_direct_message_events(participant_id=ada.id, user_auth=True)
    assert [event.text for event in with_ada.data] == ["Welcome", "START"]


async def test_talking_on_after_a_stop_word_is_journalled(client: AsyncClient, server: XServer, ada: User) -> None:
    server.dm(ada, "Stop.")
    await client.create_direct_message(participant_id=ada.id, text="You will hear no more from us")
    assert server.journal.breaches == []
    await client.create_direct_message(participant_id=ada.id, text="How do you like it?")
    assert [breach.rule for breach in server.journal.breaches] == ["silence after a stop word"]


async def test_looking_up_what_is_not_there(client: AsyncClient, server: XServer, ada: User) -> None:
    assert (await client.get_user(username="ADA", user_auth=True)).data.name == "Ada"
    missing = await client.get_user(username="nobody", user_auth=True)
    assert (missing.data, len(missing.errors)) == (None, 1)
    lost = await client.get_tweet("123", user_auth=True)
    assert (lost.data, lost.errors[0]["resource_type"]) == (None, "tweet")
    with pytest.raises(NotFound):
        await client.request("GET", "/2/not/a/route", params={}, user_auth=True)


async def test_only_own_tweets_are_deleted(client: AsyncClient, server: XServer, ada: User) -> None:
    own = (await client.create_tweet(text="Hello")).data["id"]
    assert (await client.delete_tweet(own)).data == {"deleted": True}
    assert server.tweets() == []
    with pytest.raises(Forbidden):
        await client.delete_tweet(server.mention(ada, "mine"))


async def test_own_recent_tweets_are_found_again(client: AsyncClient, server: XServer) -> None:
    await client.create_tweet(text="Stored, but was it?")
    found = await client.get_users_tweets(server.bot.id, user_auth=True, max_results=5)
    assert [tweet.text for tweet in found.data] == ["Stored, but was it?"]
