"""Messages on platforms as feedback: answers, scores in words, repeats, other people's words."""

import pytest

from shared.decide import prompts
from shared.ingest.social_messages import (
    SocialMessage,
    read_score,
    take_direct_message,
    take_mention,
    take_saved_message,
)
from shared.store.models import Feedback, Person
from tests.shared.ingest.intake import Desk


def message(text: str, message_id: str = "1", **values: str) -> SocialMessage:
    return SocialMessage(
        **{  # type: ignore[arg-type]
            "platform": "discord",
            "author_id": "ada",
            "message_id": message_id,
            "text": text,
            "site": "docs",
            **values,
        }
    )


async def ask_ada(desk: Desk) -> str:
    await desk.opt_in("ada")
    desk.later(days=7)
    await desk.send_due()
    prompt_id = (await desk.prompt()).id
    await desk.run(prompts.mark_asked, prompt_id, "discord_dm", "5", "6", desk.clock.now())
    return prompt_id


@pytest.mark.parametrize(
    ("text", "score", "words"),
    [
        ("4", 4, None),
        (" 5 ", 5, None),
        ("4/5", 4, None),
        ("3 out of 5", 3, None),
        ("4/5, the search is slow", 4, "4/5, the search is slow"),
        ("2: too many steps", 2, "2: too many steps"),
        ("4\nworks well", 4, "4\nworks well"),
        ("3 things are broken", None, "3 things are broken"),
        ("6", None, "6"),
        ("10", None, "10"),
        ("4.5", None, "4.5"),
        ("great, 5", None, "great, 5"),
    ],
)
def test_a_score_in_words_is_read_when_it_can_be_nothing_else(text: str, score: int | None, words: str | None) -> None:
    assert read_score(text) == (score, words)


async def test_a_free_reply_answers_the_open_question(desk: Desk) -> None:
    prompt_id = await ask_ada(desk)
    await take_direct_message(desk.intake, message("4/5, the search is slow"), desk.clock.now())
    row = await desk.feedback()
    assert (row.prompt_id, row.score, row.source) == (prompt_id, 4, "discord")
    assert (await desk.prompt()).state == "answered"


async def test_the_same_reply_read_live_and_after_an_outage_is_one_feedback(desk: Desk) -> None:
    await ask_ada(desk)
    first = await take_direct_message(desk.intake, message("All good"), desk.clock.now())
    again = await take_direct_message(desk.intake, message("All good"), desk.clock.now())
    assert (again.id, again.repeated) == (first.id, True)
    assert len(await desk.rows(Feedback)) == 1


async def test_words_after_a_pressed_score_join_it(desk: Desk) -> None:
    prompt_id = await ask_ada(desk)
    await desk.send(sender=desk.member(message_key=f"prompt:{prompt_id}"), score=2, prompt=prompt_id)
    await take_direct_message(desk.intake, message("The search is slow"), desk.clock.now())
    row = await desk.feedback()
    assert (row.score, row.text) == (2, "The search is slow")


async def test_a_second_message_is_feedback_of_its_own(desk: Desk) -> None:
    await ask_ada(desk)
    await take_direct_message(desk.intake, message("All good"), desk.clock.now())
    await take_direct_message(desk.intake, message("One more thing", "2"), desk.clock.now())
    assert len(await desk.rows(Feedback)) == 2


async def test_a_mention_is_feedback_and_usage(desk: Desk) -> None:
    await take_mention(desk.intake, message("@docs I love it", platform="x", author_id="bea"))
    assert ((await desk.feedback()).source, (await desk.person()).usage_days) == ("x", 1)


async def test_a_saved_message_is_no_usage_of_its_author_and_cannot_be_answered(desk: Desk) -> None:
    await take_saved_message(desk.intake, message("This is broken", saved_by="99"))
    person = await desk.person()
    assert ((await desk.feedback()).person_id, person.usage_days, person.last_seen_at) == (person.id, 0, None)
    assert (await desk.feedback()).reply_to == {}
    assert len(await desk.rows(Person)) == 1


async def test_a_message_saved_twice_is_one_feedback(desk: Desk) -> None:
    first = await take_saved_message(desk.intake, message("This is broken", saved_by="99"))
    again = await take_saved_message(desk.intake, message("This is broken", saved_by="98"))
    assert (again.id, again.repeated) == (first.id, True)
