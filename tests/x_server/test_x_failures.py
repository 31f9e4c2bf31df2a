"""Limits, scripted failures, outages and prices of the X stand-in, seen through the real tweepy."""

import asyncio
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from tweepy import Forbidden, TooManyRequests, Unauthorized
from tweepy.asynchronous import AsyncClient

from tests.x_server import Billable, User, XServer
from tests.x_server.loopback_client import LoopbackSession, MovableClock, make_client, read_mentions


async def test_the_rate_limit_counts_down_and_opens_again(
    client: AsyncClient, server: XServer, clock: MovableClock
) -> None:
    client.return_type = aiohttp.ClientResponse
    remaining = []
    for _ in range(15):
        answer = await client.get_direct_message_events(user_auth=True)
        remaining.append(answer.headers["x-rate-limit-remaining"])
    assert remaining == [str(number) for number in range(14, -1, -1)]
    with pytest.raises(TooManyRequests) as refused:
        await client.get_direct_message_events(user_auth=True)
    reset = int(refused.value.response.headers["x-rate-limit-reset"])
    assert 0 < reset - clock.now.timestamp() <= 901
    assert "Retry-After" not in refused.value.response.headers
    assert await refused.value.response.json() == {
        "title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429,
    }  # fmt: skip
    clock.now = datetime.fromtimestamp(reset, UTC)
    await client.get_direct_message_events(user_auth=True)


async def test_a_limit_can_be_used_up_at_once(client: AsyncClient, server: XServer) -> None:
    server.use_up_limit("create tweet")
    with pytest.raises(TooManyRequests):
        await client.create_tweet(text="One too many")
    assert server.tweets() == []


async def test_scripted_refusals_come_once(client: AsyncClient, server: XServer, clock: MovableClock) -> None:
    server.fail_next("POST", "/2/tweets", status=429, reset_in_seconds=60)
    server.fail_next("POST", "/2/tweets", status=401)
    server.fail_next("POST", "/2/tweets", status=503)
    with pytest.raises(TooManyRequests) as limited:
        await client.create_tweet(text="Hello")
    assert int(limited.value.response.headers["x-rate-limit-reset"]) == int(clock.now.timestamp()) + 60
    with pytest.raises(Unauthorized):
        await client.create_tweet(text="Hello")
    with pytest.raises(aiohttp.ContentTypeError):
        await client.create_tweet(text="Hello")
    assert server.tweets() == []
    await client.create_tweet(text="Hello")
    assert [call.status for call in server.journal.calls] == [429, 401, 503, 201]


async def test_a_connection_dropped_after_storing(client: AsyncClient, server: XServer) -> None:
    server.fail_next("POST", "/2/tweets", drop="after")
    with pytest.raises(aiohttp.ClientError):
        await client.create_tweet(text="Did it arrive?")
    assert [tweet.text for tweet in server.tweets()] == ["Did it arrive?"]
    with pytest.raises(Forbidden, match="duplicate content"):
        await client.create_tweet(text="Did it arrive?")


async def test_a_connection_dropped_before_anything(client: AsyncClient, server: XServer) -> None:
    server.fail_next("POST", "/2/*", drop="before")
    with pytest.raises(aiohttp.ClientError):
        await client.create_tweet(text="Did it arrive?")
    assert server.tweets() == []


async def test_a_slow_answer_is_stored_before_the_timeout(server: XServer) -> None:
    server.fail_next("POST", "/2/tweets", delay_seconds=30)
    client = make_client(server)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.2)) as session:
        client.session = LoopbackSession(session, server.url)
        with pytest.raises(asyncio.TimeoutError):
            await client.create_tweet(text="Slow")
    assert [tweet.text for tweet in server.tweets()] == ["Slow"]


async def test_an_outage_refuses_and_forgets_nothing(client: AsyncClient, server: XServer, ada: User) -> None:
    await client.get_me()
    await server.down()
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.get_me()
    server.mention(ada, "written meanwhile")
    await server.up()
    assert len((await read_mentions(client, server)).data) == 1


async def test_everything_has_its_price(client: AsyncClient, server: XServer, ada: User, clock: MovableClock) -> None:
    mention = server.mention(ada, "thanks")
    other = server.post(ada, "by the way")
    server.dm(ada, "START")
    for _ in range(2):  # the second reading of the day is free
        await read_mentions(client, server)
        await client.get_tweet(other, user_auth=True)
        await client.get_direct_message_events(user_auth=True)
        await client.get_user(username="ada", user_auth=True)
    await client.create_tweet(text="You are welcome", in_reply_to_tweet_id=mention)
    await client.create_tweet(text="Hello")
    await client.create_tweet(text="Read docs.example.com")
    await client.create_direct_message(participant_id=ada.id, text="Welcome")
    assert server.journal.billable == dict.fromkeys(Billable, 1)
    assert server.journal.cost_dollars == pytest.approx(0.266)
    clock.now += timedelta(days=1)
    await read_mentions(client, server)
    assert server.journal.billable[Billable.OWNED_READ] == 2
