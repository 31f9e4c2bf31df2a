"""`/feedback` over the wire: statuses of the reply table, forms that keep what was typed, who may send."""

from typing import Any
from urllib.parse import urlencode

import pytest
from sqlmodel import select

from shared.store.models import Feedback
from tests.api.running_api import Answer, RunningApi

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def send(api: RunningApi, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    return await api.ask("POST", "/feedback", {"site": "docs", **fields}, headers)


async def send_form(api: RunningApi, headers: dict[str, str] | None = None, **fields: str) -> Answer:
    return await api.ask("POST", "/feedback", urlencode({"site": "docs", **fields}), {**FORM, **(headers or {})})


async def stored(api: RunningApi) -> list[Feedback]:
    async with api.runtime.store.read() as session:
        return list((await session.execute(select(Feedback))).scalars())


async def test_feedback_is_answered_201_with_its_id_and_a_repeat_200(api: RunningApi) -> None:
    first = await send(api, id="abcdefgh", text="good")
    again = await send(api, id="abcdefgh", text="good")
    assert (first.status, again.status) == (201, 200)
    assert first.json() == again.json() == {"id": (await stored(api))[0].id}


async def test_a_vote_its_reason_and_its_words_are_one_answer(api: RunningApi) -> None:
    vote = {"id": "0123456789abcdef", "score": 0, "scale": "0-1", "survey": "helpful", "page": "/install"}
    assert (await send(api, **vote)).status == 201
    assert (await send(api, **vote, reason="out_of_date", text="Step two is gone.")).status == 200
    assert (await send(api, **vote, reason="clarity", text="Somebody else's words.")).status == 200
    [row] = await stored(api)
    assert (row.score, row.scale_min, row.scale_max) == (0, 0, 1)
    assert (row.reason, row.text) == ("out_of_date", "Step two is gone.")


async def test_words_of_another_way_in_do_not_join_an_answer(api: RunningApi) -> None:
    assert (await send(api, id="0123456789abcdef", score=0, scale="0-1")).status == 201
    assert (await send_form(api, id="0123456789abcdef", text="Not mine.")).status == 303
    assert [row.text for row in await stored(api)] == [None]


async def test_a_reason_and_a_part_of_the_page_are_taken(api: RunningApi) -> None:
    assert (await send(api, reason="accuracy", element="#install > pre:nth-of-type(2)", page="/a")).status == 201
    assert [(row.reason, row.element) for row in await stored(api)] == [("accuracy", "#install > pre:nth-of-type(2)")]
    refused = [await send(api, reason="boredom"), await send(api, text="good", element="ada@example.org")]
    assert [answer.status for answer in refused] == [400, 400]


@pytest.mark.parametrize(("scale", "score"), [("0-1", 1), ("1-5", 5), ("1-7", 7), ("0-10", 10)])
async def test_every_answer_keeps_its_scale(api: RunningApi, scale: str, score: int) -> None:
    assert (await send_form(api, scale=scale, score=str(score), survey="s")).status == 303
    assert [f"{row.scale_min}-{row.scale_max}" for row in await stored(api)] == [scale]


@pytest.mark.parametrize(("scale", "points"), [("0-1", 2), ("1-5", 5), ("1-7", 7), ("0-10", 11)])
async def test_a_refused_form_keeps_its_scale_and_answer(api: RunningApi, scale: str, points: int) -> None:
    answer = await send_form(api, scale=scale, score="1", reason="clarity", text="x" * 5001)
    page = answer.body.decode()
    assert answer.status == 400
    assert page.count('type="radio"') == points
    assert 'value="1" checked' in page
    assert 'name="reason" value="clarity"' in page


async def test_a_beacon_of_text_plain_is_json_too(api: RunningApi) -> None:
    assert (await send(api, {"Content-Type": "text/plain;charset=UTF-8"}, text="good")).status == 201


async def test_the_second_address_is_the_same(api: RunningApi) -> None:
    answer = await api.ask("POST", "/api/feedback", {"site": "docs", "text": "good"})
    assert (answer.status, len(await stored(api))) == (201, 1)


async def test_only_a_language_is_kept_as_one(api: RunningApi) -> None:
    await send(api, {"Accept-Language": "pt-BR,en;q=0.5"}, score=5)
    await send(api, {"Accept-Language": "ada@example.org"}, score=5, page="/b")
    assert [row.language for row in await stored(api)] == ["pt-BR", "en"]


async def test_unknown_fields_are_left_out_and_counted(api: RunningApi) -> None:
    assert (await send(api, text="good", colour="red", size=3)).status == 201
    assert api.runtime.meter.totals["ignored_field", ""] == 2


async def test_a_page_sends_for_its_own_site_only(api: RunningApi) -> None:
    origin = {"Origin": "https://blog.example"}
    assert (await send(api, origin, site="blog", text="good")).status == 201
    assert (await send(api, origin, site="docs", text="good")).status == 403
    assert (await send_form(api, origin, site="docs", text="good")).status == 403
    assert [row.site for row in await stored(api)] == ["blog"]


async def test_what_is_wrong_is_named(api: RunningApi) -> None:
    answer = await send(api, score=9)
    assert answer.status == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["errors"] == [{"field": "score", "reason": "a whole number from 1 to 5"}]


async def test_a_refused_form_speaks_the_words_of_the_configuration(api: RunningApi) -> None:
    refused = await send_form(api, score="9", text="x" * 5001)
    page = refused.body.decode()
    assert refused.status == 400
    for key in ("form_wrong", "form_wrong_score"):
        assert api.runtime.texts.say("en", key) in page
    assert "at most 5000 characters" in page
    assert "whole number" not in page


@pytest.mark.parametrize("body", ["null", "[]", "5", '"a"', "{", '{"site":"docs","site":"docs","text":"a"}', "\xff"])
async def test_what_is_no_object_is_refused(api: RunningApi, body: str) -> None:
    assert (await api.ask("POST", "/feedback", body.encode("latin-1"))).status == 400
    assert await stored(api) == []


@pytest.mark.parametrize(("agent", "site"), [("Googlebot/2.1", "docs"), (None, "elsewhere")])
async def test_what_a_rule_drops_is_answered_202_without_an_id(api: RunningApi, agent: str | None, site: str) -> None:
    answer = await send(api, {"User-Agent": agent} if agent else None, site=site, text="good")
    assert (answer.status, answer.json(), await stored(api)) == (202, {"id": None}, [])


async def test_the_limited_sender_gets_a_friendly_sentence_with_the_time(api: RunningApi) -> None:
    answers = [await send(api, text=f"text {number}") for number in range(6)]
    assert [answer.status for answer in answers] == [201] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert "Please wait" in answers[-1].json()["detail"]


async def test_global_privacy_control_keeps_the_words_and_no_hash(api: RunningApi) -> None:
    assert (await send(api, {"Sec-GPC": "1"}, text="good", person="0123456789abcdef")).status == 201
    (row,) = await stored(api)
    assert (row.visitor, row.person_id) == (None, None)


async def test_a_key_needs_the_scope_and_its_own_site(api: RunningApi) -> None:
    right, other = await api.make_key("feedback:write"), await api.make_key("feedback:write", site="blog")
    assert (await send(api, await api.make_key("events:write"), text="good")).status == 403
    assert (await send(api, other, text="good")).status == 403
    assert (await send(api, {"Authorization": "Bearer wr_nonsense"}, text="good")).status == 401
    assert (await send(api, {**right, "User-Agent": "python-requests/2"}, text="good")).status == 201
    (row,) = await stored(api)
    assert (row.source, row.visitor) == ("api", None)


async def test_a_form_leads_to_the_thanks_and_back_to_its_page(api: RunningApi) -> None:
    answer = await send_form(api, text="good", score="4", page="/a?b=c", category="")
    assert (answer.status, answer.headers["Location"]) == (303, "/thanks?site=docs&page=%2Fa")
    thanks = await api.ask("GET", answer.headers["Location"])
    assert thanks.status == 200
    assert b'href="https://docs.example/a"' in thanks.body
    assert [(row.source, row.score, row.page) for row in await stored(api)] == [("form", 4, "/a")]


@pytest.mark.parametrize(
    "page",
    ["//evil.example/x", "https://evil.example/x", "/\\evil.example", "javascript:alert(1)", "\r\nX: y", '/a"><b'],
)
async def test_the_way_back_leads_to_the_site_only(api: RunningApi, page: str) -> None:
    thanks = await api.ask("GET", "/thanks?" + urlencode({"site": "docs", "page": page}))
    text = thanks.body.decode()
    assert thanks.status == 200
    assert text.count('href="https://docs.example/') == 1
    assert "javascript:" not in text
    assert "<b" not in text.split("<main>")[1].split("<body")[0].replace("<body", "")


async def test_a_form_sent_twice_is_one_feedback(api: RunningApi) -> None:
    for _ in range(2):
        assert (await send_form(api, text="good", page="/a")).status == 303
    assert len(await stored(api)) == 1


async def test_a_wrong_form_keeps_what_was_typed(api: RunningApi) -> None:
    answer = await send_form(api, text="x" * 5001 + "<script>", contact="me & you")
    assert answer.status == 400
    assert b"&lt;script&gt;" in answer.body
    assert b"me &amp; you" in answer.body
    assert b"at most 5000 characters" in answer.body


async def test_a_limited_form_keeps_what_was_typed(api: RunningApi) -> None:
    for number in range(5):
        await send_form(api, text=f"text {number}")
    answer = await send_form(api, text="the sixth one")
    assert (answer.status, b"the sixth one" in answer.body, b"Please wait" in answer.body) == (429, True, True)
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_form_for_a_dropped_site_says_thanks_too(api: RunningApi) -> None:
    assert (await send_form(api, site="elsewhere", text="good")).status == 303


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://docs.example", 201),
        ("null", 201),
        ("https://evil.example", 403),
        ("https://docs.example.evil.example", 403),
        ("http://docs.example", 403),
    ],
)
async def test_only_pages_of_the_sites_hosts_may_send(api: RunningApi, origin: str, status: int) -> None:
    answer = await send(api, {"Origin": origin}, text="good")
    assert answer.status == status
    allowed = answer.headers.get("Access-Control-Allow-Origin")
    assert allowed == (origin if origin == "https://docs.example" else None)


async def test_our_own_pages_may_send(api: RunningApi) -> None:
    assert (await send(api, {"Origin": api.base_url}, text="good")).status == 201


async def test_cookies_are_neither_read_nor_set(api: RunningApi) -> None:
    answer = await send(api, {"Cookie": "warroom=x"}, text="good")
    assert (answer.status, "Set-Cookie" in answer.headers) == (201, False)
