"""What servers and browsers tell of somebody whom we know: plan, segment and language, without what tells more."""

import pytest

from shared.ingest.identities import keep_traits, note_web_usage
from shared.ingest.protocols.foreign import Traits
from shared.store.models import Identity, Person
from tests.shared.decide.people import KEY
from tests.shared.ingest.intake import Desk

ADA = "ada-0123456789"


async def see(desk: Desk, language: str | None) -> None:
    now = desk.clock.now()
    await desk.run(lambda session: note_web_usage(session, desk.settings, KEY, desk.site, ADA, now, language=language))


async def test_plan_and_segment_lose_what_tells_more_of_a_person(desk: Desk) -> None:
    await see(desk, None)
    for plan, segment in (("pro", "teams"), ("/plans?user=ada", "ada@example.com"), ("?user=ada", None)):
        said = Traits((ADA,), plan, segment)
        await desk.run(lambda session, said=said: keep_traits(session, desk.site, [said]))
    (person,) = await desk.rows(Person)
    assert (person.plan, person.segment) == ("/plans", "[e-mail removed]")


@pytest.mark.parametrize(
    ("told", "kept"), [("de", "de"), ("pt-BR", "pt-BR"), ("ada@example.com", None), ("203.0.113.7", None)]
)
async def test_a_language_is_only_a_tag(desk: Desk, told: str, kept: str | None) -> None:
    await see(desk, told)
    (person,), (identity,) = await desk.rows(Person), await desk.rows(Identity)
    assert (person.language, identity.language) == (kept, kept)
