"""Feedback on its way in: redacted, scored, limited, counted, told, and never stored twice."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from shared.decide import prompts
from shared.errors import LimitReached, NotAllowed, NotFound
from shared.guard.principals import Principal
from shared.guard.privacy import address_bucket
from shared.ingest.feedback import TOPIC
from shared.messages import NegativeFeedback, parse_message
from shared.store.models import Feedback, Person, Quote, RateWindow
from shared.store.outbox import TOPIC as OUTBOX_TOPIC
from shared.texts import Texts
from tests.shared.decide.people import KEY
from tests.shared.ingest.intake import Desk

AWFUL = "This is terrible. I hate it, the docs are awful and useless."


async def test_words_are_stored_redacted_and_scored(desk: Desk) -> None:
    await desk.send("I love this tutorial, it is great! Mail me: ada@example.org", page="https://docs.example/a?b=c#d")
    row = await desk.feedback()
    assert (row.sentiment, row.category, row.page, row.language) == ("positive", "unsorted", "/a", "en")
    assert row.compound is not None
    assert row.compound > 0.5
    assert "ada@" not in (row.text or "")
    assert row.redactions == {"email": 1}
    assert ["love", pytest.approx(3.2)] in row.sentiment_words


async def test_other_languages_are_not_scored_and_say_so(desk: Desk) -> None:
    await desk.send("Die Anleitung ist leider völlig unverständlich und ich komme nicht weiter.")
    row = await desk.feedback()
    assert (row.sentiment, row.compound, row.not_scored_reason, row.language) == (None, None, "language", "de")


async def test_a_score_alone_keeps_its_scale(desk: Desk) -> None:
    await desk.send(score=9, scale="0-10")
    row = await desk.feedback()
    assert (row.score, row.scale_min, row.scale_max, row.text, row.not_scored_reason) == (9, 0, 10, None, "no text")


async def test_a_visitor_is_a_hash_and_nothing_else(desk: Desk) -> None:
    await desk.send("good")
    row = await desk.feedback()
    assert row.visitor is not None
    assert len(row.visitor) == 32
    assert (row.person_id, await desk.rows(Person)) == (None, [])


@pytest.mark.parametrize("wish", ["gpc", "dnt"])
async def test_who_asks_not_to_be_followed_is_heard_without_a_hash(desk: Desk, wish: str) -> None:
    await desk.send("good", desk.browser(opted_out=wish), person="0123456789abcdef")
    row = await desk.feedback()
    assert (row.visitor, row.person_id, await desk.rows(Person)) == (None, None, [])


async def test_a_consented_id_links_feedback_to_its_person(desk: Desk) -> None:
    await desk.send("good", person="0123456789abcdef", zone="Asia/Tokyo")
    person = await desk.person()
    assert ((await desk.feedback()).person_id, person.usage_days, person.zone) == (person.id, 1, "Asia/Tokyo")


async def test_known_bots_are_dropped_and_counted(desk: Desk) -> None:
    outcome = await desk.take("good", desk.browser(user_agent="Googlebot/2.1 (+http://www.google.com/bot.html)"))
    assert (outcome.id, outcome.dropped, await desk.rows(Feedback)) == (None, "bot", [])
    assert desk.meter.totals["feedback_drop", "bot"] == 1


async def test_an_unknown_site_is_dropped_and_counted(desk: Desk) -> None:
    assert (await desk.take("good", site="elsewhere")).dropped == "unknown_site"
    assert desk.meter.totals["feedback_drop", "unknown_site"] == 1


async def test_a_key_of_another_site_is_refused(desk: Desk) -> None:
    key = Principal("key", "k", site="blog", scopes=frozenset({"feedback:write"}))
    with pytest.raises(NotAllowed):
        await desk.take("good", desk.browser(source="api", key=key))


async def test_the_same_id_is_stored_once_and_the_first_body_kept(desk: Desk) -> None:
    first = await desk.take("one", id="abcdefgh")
    again = await desk.take("two", id="abcdefgh")
    assert (again.id, again.repeated, first.repeated) == (first.id, True, False)
    assert (await desk.feedback()).text == "one"


async def test_the_same_id_sent_at_once_is_stored_once(desk: Desk) -> None:
    found = await asyncio.gather(*(desk.take("one", id="abcdefgh") for _ in range(8)))
    assert len({outcome.id for outcome in found}) == 1
    assert len([outcome for outcome in found if not outcome.repeated]) == 1
    assert await desk.counters() == await desk.rebuilt_counters()


async def test_the_same_id_on_another_site_is_another_feedback(desk: Desk) -> None:
    await desk.send("one", id="abcdefgh")
    await desk.send("one", id="abcdefgh", site="blog")
    assert len(await desk.rows(Feedback)) == 2


async def test_a_repeat_is_answered_even_over_the_limit(desk: Desk) -> None:
    first = await desk.send("one", id="abcdefgh")
    for number in range(4):
        await desk.send(f"text {number}")
    assert await desk.send("one", id="abcdefgh") == first


async def test_a_form_without_an_id_is_one_feedback_for_ten_minutes(desk: Desk) -> None:
    first = await desk.send("slow", page="/a")
    desk.later(minutes=9)
    assert await desk.send("slow", page="/a") == first
    desk.later(minutes=2)
    assert await desk.send("slow", page="/a") != first


@pytest.mark.parametrize("change", [{"page": "/b"}, {"survey": "other"}, {"text": "fast"}])
async def test_another_page_survey_or_text_is_another_feedback(desk: Desk, change: dict[str, Any]) -> None:
    first = await desk.send("slow", page="/a")
    assert await desk.send(**{"text": "slow", "page": "/a", **change}) != first


async def test_another_visitor_is_another_feedback(desk: Desk) -> None:
    first = await desk.send("slow")
    assert await desk.send("slow", desk.browser("192.0.2.2")) != first


async def test_a_form_of_somebody_who_is_not_followed_is_deduplicated_too(desk: Desk) -> None:
    sender = desk.browser(opted_out="gpc")
    assert await desk.send("slow", sender) == await desk.send("slow", sender)
    assert await desk.send("slow", desk.browser("192.0.2.2", opted_out="gpc")) != (await desk.rows(Feedback))[0].id


async def test_a_platform_message_is_stored_once(desk: Desk) -> None:
    first = await desk.send("good", desk.member(message_key="message:1"))
    assert await desk.send("good", desk.member(message_key="message:1")) == first
    assert await desk.send("good", desk.member(message_key="message:2")) != first


async def test_a_member_who_sends_too_much_is_told_how_long_to_wait(desk: Desk) -> None:
    for number in range(5):
        await desk.send("good", desk.member(message_key=f"message:{number}"))
    with pytest.raises(LimitReached) as refused:
        await desk.send("good", desk.member(message_key="message:6"))
    assert "Please wait" in str(refused.value)
    assert 1 <= refused.value.retry_after_seconds <= 7200
    assert len(await desk.rows(Feedback)) == 5
    desk.later(hours=2)
    await desk.send("good", desk.member(message_key="message:7"))


async def test_a_visitor_is_limited_and_others_are_not(desk: Desk) -> None:
    for number in range(5):
        await desk.send(f"text {number}")
    with pytest.raises(LimitReached):
        await desk.send("one more")
    await desk.send("me too", desk.browser("192.0.2.2"))


async def test_an_address_is_limited_whoever_sends_from_it(desk: Desk) -> None:
    for number in range(20):
        await desk.send("good", desk.browser(user_agent=f"Mozilla/5.0 Firefox/{number}.0 Gecko/20100101"))
    with pytest.raises(LimitReached):
        await desk.send("good", desk.browser(user_agent="Mozilla/5.0 Firefox/99.0 Gecko/20100101"))


async def test_everybody_together_is_limited(desk: Desk) -> None:
    limits = desk.settings.limits.model_copy(update={"feedback_overall_minute": 3})
    desk.intake.settings = desk.settings.model_copy(update={"limits": limits})
    for number in range(3):
        await desk.send("good", desk.browser(f"192.0.2.{number}"))
    with pytest.raises(LimitReached):
        await desk.send("good", desk.browser("192.0.2.9"))


async def test_who_writes_too_much_hears_it_in_their_own_language(desk: Desk) -> None:
    texts: dict[str, Any] = {**desk.settings.texts, "de": {"limited": {"other": "Bitte {count} Minuten warten."}}}
    desk.intake._texts = Texts(texts)
    await desk.opt_in("ada")
    await desk.change(await desk.identity(), language="de")
    for number in range(5):
        await desk.send(f"good {number}", desk.member("ada", message_key=f"m{number}"))
    with pytest.raises(LimitReached, match="Minuten warten"):
        await desk.send("good again", desk.member("ada", message_key="m6"))
    with pytest.raises(LimitReached, match="Please wait"):
        await desk.send("good again", desk.member("ada", message_key="m6", language="fr"))


async def test_no_limit_keeps_an_address_or_a_platform_id(desk: Desk) -> None:
    await desk.send("good")
    await desk.send("good", desk.member("1234567890", limited_as="discord:99887766"))
    buckets = " ".join(row.bucket for row in await desk.rows(RateWindow))
    assert "192.0.2.1" not in buckets
    assert address_bucket(KEY, "192.0.2.1") not in buckets, "by a key that stays, an address could be tried for ever"
    assert "1234567890" not in buckets
    assert "99887766" not in buckets


async def test_a_refused_feedback_leaves_nothing_behind(desk: Desk) -> None:
    for number in range(5):
        await desk.send("good", desk.member(message_key=f"message:{number}"))
    before = await desk.counters()
    with pytest.raises(LimitReached):
        await desk.send(AWFUL, desk.member(message_key="message:6"))
    assert (await desk.counters(), await desk.notes()) == (before, [])


async def test_a_refused_stranger_leaves_nothing_behind(desk: Desk) -> None:
    limits = desk.settings.limits.model_copy(update={"feedback_overall_minute": 2})
    desk.intake.settings = desk.settings.model_copy(update={"limits": limits})
    for number in range(2):
        await desk.send("good", desk.browser(f"192.0.2.{number}"))
    before = await desk.counters(), await _windows(desk)
    with pytest.raises(LimitReached):
        await desk.send("good", desk.browser("192.0.2.9"))
    assert (await desk.counters(), await _windows(desk)) == before
    assert len(await desk.rows(Feedback)) == 2


async def _windows(desk: Desk) -> dict[tuple[str, datetime], int]:
    return {(window.bucket, window.window_start): window.count for window in await desk.rows(RateWindow)}


async def test_a_stranger_and_a_known_person_store_the_same(desk: Desk) -> None:
    said: dict[str, Any] = {
        "text": "Good guide, mail me: ada@example.org",
        "score": 4,
        "scale": "1-5",
        "category": "idea",
        "reason": "clarity",
        "survey": "page",
        "page": "/a",
        "element": "pre",
        "plan": "pro",
        "segment": "new",
        "contact": "ada@example.org",
        "language": "en",
    }
    await desk.send(**said, person="0123456789abcdef")
    await desk.send(**said)
    first, second = (row.model_dump(exclude={"id", "external_key"}) for row in await desk.rows(Feedback))
    known, stranger = (first, second) if first["person_id"] else (second, first)
    assert known.pop("person_id")
    assert stranger.pop("person_id") is None
    assert (stranger | {"visitor": known["visitor"]}) == known
    assert await desk.counters() == await desk.rebuilt_counters()


@pytest.mark.parametrize("person", [None, "0123456789abcdef"])
async def test_listeners_hear_of_feedback_once(desk: Desk, person: str | None) -> None:
    heard: list[frozenset[str]] = []
    desk.store.writer.listen(heard.append)
    await desk.send("good", id="abcdefgh", person=person)
    await desk.send("good", id="abcdefgh", person=person)
    await desk.send(AWFUL, id="ijklmnop", person=person)
    await desk.send(AWFUL, id="ijklmnop", person=person)
    assert [topics for topics in heard if topics] == [frozenset({TOPIC}), frozenset({TOPIC, OUTBOX_TOPIC})]
    assert len(await desk.notes()) == 1
    assert len(await desk.rows(Quote)) == 1


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"text": AWFUL}, True),
        ({"score": 1}, True),
        ({"score": 0, "scale": "0-10"}, True),
        ({"score": 1, "scale": "1-7"}, True),
        ({"score": 2}, False),
        ({"score": 1, "scale": "0-10"}, False),
        ({"score": 0, "scale": "0-1"}, False),
        ({"score": 0, "scale": "0-1", "text": AWFUL}, True),
        ({"text": "It does not work."}, False),
        ({"text": "I love it"}, False),
    ],
)
async def test_the_team_hears_of_very_negative_feedback_at_once(desk: Desk, fields: dict[str, Any], told: bool) -> None:
    await desk.send(**fields)
    assert len(await desk.notes()) == int(told)


async def test_the_note_quotes_what_is_stored_and_names_nobody(desk: Desk) -> None:
    await desk.send(AWFUL + " ada@example.org", desk.member("ada", "message:1"))
    (row,) = await desk.notes()
    message = parse_message(row.payload)
    assert isinstance(message, NegativeFeedback)
    assert message.quote.text == (await desk.feedback()).text
    assert message.can_reply
    assert all(value < 0 for _, value in message.words)
    assert "ada" not in str(row.payload)


async def test_counters_move_with_the_row_and_equal_a_rebuild(desk: Desk) -> None:
    await desk.send(AWFUL, category="bug")
    await desk.send("I love it", desk.member(message_key="message:1"))
    await desk.send(score=2, survey="helpful", id="abcdefgh")
    moved = await desk.counters()
    assert sum(count for key, (count, _) in moved.items() if key[1] == "feedback") == 3
    assert moved == await desk.rebuilt_counters()


async def ask_ada(desk: Desk) -> str:
    """Ada opted in, a week passed, the question reached her."""
    await desk.opt_in("ada")
    desk.later(days=7)
    await desk.send_due()
    prompt_id = (await desk.prompt()).id
    await desk.run(prompts.mark_asked, prompt_id, "discord_dm", "5", "6", desk.clock.now())
    return prompt_id


async def test_a_score_and_the_words_after_it_are_one_feedback(desk: Desk) -> None:
    prompt_id = await ask_ada(desk)
    feedback_id = await desk.send(sender=desk.member(message_key=f"prompt:{prompt_id}"), score=4, prompt=prompt_id)
    assert (await desk.prompt()).state == "answered"
    await desk.intake.add_words(feedback_id, "The search is great")
    row = await desk.feedback()
    assert (row.score, row.text, row.sentiment, row.survey) == (4, "The search is great", "positive", "day-7")
    assert await desk.counters() == await desk.rebuilt_counters()


async def test_words_sent_twice_count_once(desk: Desk) -> None:
    feedback_id = await desk.send(score=4)
    assert not (await desk.intake.add_words(feedback_id, "great")).repeated
    assert (await desk.intake.add_words(feedback_id, "great")).repeated
    await desk.intake.add_words(feedback_id, "and fast")
    assert (await desk.feedback()).text == "great\nand fast"


async def test_only_the_author_adds_words(desk: Desk) -> None:
    feedback_id = await desk.send("good", desk.member("ada", "message:1"))
    await desk.use("cy")
    with pytest.raises(NotFound):
        await desk.intake.add_words(feedback_id, "bad", platform="discord", external_id="cy")
    await desk.intake.add_words(feedback_id, "and fast", platform="discord", external_id="ada")


async def test_pressing_a_second_score_keeps_the_first(desk: Desk) -> None:
    prompt_id = await ask_ada(desk)
    sender = desk.member(message_key=f"prompt:{prompt_id}")
    first = await desk.send(sender=sender, score=4, prompt=prompt_id)
    assert await desk.send(sender=sender, score=1, prompt=prompt_id) == first
    assert (await desk.feedback()).score == 4


async def test_a_score_after_the_words_completes_the_answer(desk: Desk) -> None:
    prompt_id = await ask_ada(desk)
    await desk.send("The search is great", desk.member(message_key="message:1"), prompt=prompt_id)
    await desk.send(sender=desk.member(message_key=f"prompt:{prompt_id}"), score=5, prompt=prompt_id)
    row = await desk.feedback()
    assert (row.text, row.score) == ("The search is great", 5)
    assert await desk.counters() == await desk.rebuilt_counters()


async def test_nobody_answers_the_question_of_another(desk: Desk) -> None:
    prompt_id = await ask_ada(desk)
    await desk.send(sender=desk.member("cy", "message:9"), score=1, prompt=prompt_id)
    assert ((await desk.prompt()).state, (await desk.feedback()).prompt_id) == ("asked", None)


async def test_an_answer_on_the_page_ends_its_question(desk: Desk) -> None:
    person = "0123456789abcdef"
    await desk.use_docs_for_a_week(person)
    prompt = await desk.ask_on_page(person)
    assert prompt is not None
    await desk.send("great", score=5, prompt=prompt.id, person=person, id="abcdefgh")
    assert ((await desk.prompt()).state, (await desk.feedback()).prompt_id) == ("answered", prompt.id)


async def test_the_team_hears_again_when_words_follow_the_lowest_score(desk: Desk) -> None:
    feedback_id = await desk.send(score=1)
    await desk.intake.add_words(feedback_id, "Nothing works for me")
    assert [row.payload["quote"]["text"] for row in await desk.notes()] == ["", "Nothing works for me"]


async def test_no_field_of_feedback_keeps_what_a_request_carries(desk: Desk) -> None:
    """`contact` is what its sender gave us to be reached."""
    words = "I was at https://docs.example/x?token=canary#part as 203.0.113.7 and it failed"
    fields: dict[str, Any] = {"plan": "/plans?user=ada", "segment": "for ada@example.com", "survey": "?canary=1"}
    await desk.send(words, **fields, page="/x?token=canary", element="203.0.113.7", contact="ada@example.com")
    row = await desk.feedback()
    assert row.text == "I was at https://docs.example/x as [address removed] and it failed"
    assert (row.plan, row.segment, row.survey) == ("/plans", "for [e-mail removed]", None)
    assert (row.page, row.element, row.contact) == ("/x", "[address removed]", "ada@example.com")


async def test_an_id_that_tells_more_is_known_again_by_its_hash(desk: Desk) -> None:
    for sent in ("ada@example.com", "203.0.113.177", "feedback-1"):
        first = await desk.send("good words", id=sent)
        again = await desk.take("good words", id=sent)
        assert (again.id, again.repeated) == (first, True)
    keys = str([row.external_key for row in await desk.rows(Feedback)])
    assert [sent for sent in ("ada@", "203.0.113.177") if sent in keys] == []
    assert "id:feedback-1" in keys
