"""`/prompts/next`, dismissing, and servers that make a person due."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from shared.clock import ManualClock
from shared.ingest import identities
from shared.runtime import Runtime
from shared.store.models import Person, Prompt
from tests.api.running_api import Answer, RunningApi, make_event

CY = "0123456789cy"


async def visit_for_a_week(api: RunningApi, clock: ManualClock, person: str = CY) -> None:
    await api.track(make_event(), person=person)
    clock.advance(days=7)
    await api.track(make_event(), person=person)


async def ask(api: RunningApi, person: str = CY, headers: dict[str, str] | None = None, **query: str) -> Answer:
    found = {"site": "docs", "person": person, **query}
    return await api.ask("GET", "/prompts/next?" + "&".join(f"{k}={v}" for k, v in found.items()), headers=headers)


async def dismiss(api: RunningApi, prompt_id: str, person: str = CY, how: str = "later") -> int:
    body = {"site": "docs", "person": person, "how": how}
    return (await api.ask("POST", f"/prompts/{prompt_id}/dismiss", body, {"Content-Type": "text/plain"})).status


async def opt_ada_in(runtime: Runtime) -> None:
    site = runtime.settings.site("docs")
    assert site is not None

    async def unit(session: AsyncSession) -> None:
        await identities.opt_in(
            session,
            runtime.settings,
            runtime.instance_key,
            "discord",
            "42424242",
            site,
            runtime.clock.now(),
            "test",
        )

    await runtime.store.writer.run(unit)


async def only(api: RunningApi, table: type[Any]) -> Any:
    async with api.runtime.store.read() as session:
        return (await session.execute(select(table))).scalar_one()


async def test_a_visitor_of_a_week_gets_the_question_once(api: RunningApi, clock: ManualClock) -> None:
    await visit_for_a_week(api, clock)
    answer = await ask(api, zone="Europe/Berlin", language="en")
    question = answer.json()
    assert answer.status == 200
    labels = question["scale"].pop("labels")
    assert question["scale"] == {"min": 1, "max": 5, "low": labels[0], "high": labels[-1]}
    assert len(set(labels)) == 5  # a word at every point
    assert "Example Docs" in question["question"]
    assert set(question["texts"]) == {"send", "sending", "failed", "later", "never", "close", "choose", "thanks"}
    assert (await ask(api)).status == 204


async def test_the_answer_belongs_to_its_question(api: RunningApi, clock: ManualClock) -> None:
    await visit_for_a_week(api, clock)
    question = (await ask(api)).json()
    body = {"site": "docs", "prompt": question["prompt"], "person": CY, "score": 4, "scale": "1-5", "id": "abcdefgh"}
    assert (await api.ask("POST", "/feedback", body)).status == 201
    assert (await only(api, Prompt)).state == "answered"


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
async def test_who_asks_not_to_be_followed_is_not_asked(api: RunningApi, clock: ManualClock, header: str) -> None:
    await visit_for_a_week(api, clock)
    assert (await ask(api, headers={header: "1"})).status == 204


async def test_strangers_unknown_sites_and_new_visitors_get_nothing(api: RunningApi) -> None:
    assert (await ask(api, "somebody-else")).status == 204
    assert (await ask(api, site="elsewhere")).status == 204
    await api.track(make_event(), person=CY)
    assert (await ask(api)).status == 204


async def test_the_zone_of_the_browser_counts(api: RunningApi, clock: ManualClock) -> None:
    await visit_for_a_week(api, clock)
    assert (await ask(api, zone="Asia/Tokyo")).status == 204
    assert (await only(api, Person)).zone == "Asia/Tokyo"


@pytest.mark.parametrize("query", [{"person": "short"}, {"person": "../../x"}, {"site": ""}])
async def test_a_wrong_query_is_refused(api: RunningApi, query: dict[str, str]) -> None:
    assert (await ask(api, **query)).status == 400  # type: ignore[arg-type]


async def test_putting_off_and_refusing(api: RunningApi, clock: ManualClock) -> None:
    await visit_for_a_week(api, clock)
    prompt_id = (await ask(api)).json()["prompt"]
    assert await dismiss(api, prompt_id) == 204
    assert await dismiss(api, prompt_id) == 204  # a repeat changes nothing
    assert (await only(api, Person)).dismissals == 1
    clock.advance(days=14)
    await api.track(make_event(), person=CY)
    assert (await ask(api)).status == 200
    assert await dismiss(api, prompt_id, how="never") == 204
    assert (await only(api, Person)).opted_out_at is not None


async def test_only_the_person_who_was_asked_may_dismiss(api: RunningApi, clock: ManualClock) -> None:
    await visit_for_a_week(api, clock)
    prompt_id = (await ask(api)).json()["prompt"]
    assert await dismiss(api, prompt_id, person="somebody-else") == 404
    assert await dismiss(api, "nonsense") == 404
    assert await dismiss(api, prompt_id, how="maybe") == 400


async def make_due(api: RunningApi, headers: dict[str, str], **body: Any) -> Answer:
    return await api.ask("POST", "/api/v1/prompts/due", body, headers)


async def test_a_server_makes_a_person_due(api: RunningApi, runtime: Runtime) -> None:
    await opt_ada_in(runtime)
    key = await api.make_key("prompts:write")
    answer = await make_due(api, key, platform="discord", external_id="42424242")
    assert (answer.status, answer.json()["state"]) == (200, "due")
    assert (await only(api, Prompt)).due_at == runtime.clock.now()


async def test_a_server_never_replaces_an_opt_in(api: RunningApi, clock: ManualClock) -> None:
    key = await api.make_key("prompts:write")
    assert (await make_due(api, key, platform="discord", external_id="999999999")).json()["state"] == "unknown"


async def test_a_server_speaks_of_people_of_its_own_site_only(api: RunningApi, runtime: Runtime) -> None:
    await opt_ada_in(runtime)
    key = await api.make_key("prompts:write", site="blog")
    assert (await make_due(api, key, platform="discord", external_id="42424242")).json()["state"] == "unknown"


async def test_a_server_needs_the_scope(api: RunningApi) -> None:
    body = {"platform": "discord", "external_id": "42424242"}
    assert (await make_due(api, {}, **body)).status == 401
    assert (await make_due(api, await api.make_key("feedback:write"), **body)).status == 403


async def test_nobody_is_named_by_an_email_address(api: RunningApi) -> None:
    key = await api.make_key("prompts:write")
    assert (await make_due(api, key, platform="web", external_id="ada@example.org")).status == 400
    assert (await make_due(api, key, platform="email", external_id="ada-example")).status == 400


async def test_a_page_of_another_site_gets_no_question(api: RunningApi, clock: ManualClock) -> None:
    await visit_for_a_week(api, clock)
    assert (await ask(api, headers={"Origin": "https://blog.example"})).status == 403
    assert (await ask(api, headers={"Origin": "https://docs.example"})).status == 200
