"""The demo: its pages, and the control that makes its visitor eight days old, at any hour, again and again."""

from urllib.parse import urlencode

import pytest

from shared.clock import ManualClock
from shared.runtime import Runtime
from shared.store.models import Person
from tests.api.running_api import Answer, RunningApi

CY = "0123456789cy"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def server_settings() -> dict[str, object]:
    return {"demo": "on"}


async def age(api: RunningApi, **fields: str) -> Answer:
    return await api.ask("POST", "/demo/age", urlencode({"page": "/demo/guide", "person": CY, **fields}), FORM)


async def ask(api: RunningApi) -> Answer:
    return await api.ask("GET", f"/prompts/next?site=demo&person={CY}")


@pytest.mark.parametrize("path", ["/demo", "/demo/quickstart", "/demo/guide", "/demo?aged=1"])
async def test_its_pages_are_there(api: RunningApi, path: str) -> None:
    answer = await api.ask("GET", path)
    assert (answer.status, b'data-site="demo"' in answer.body) == (200, True)


async def test_a_visitor_of_eight_days_is_asked_at_any_hour(api: RunningApi, clock: ManualClock) -> None:
    clock.move_to(clock.now().replace(hour=3))
    answer = await age(api)
    assert (answer.status, answer.headers["Location"]) == (303, "/demo/guide?aged=1")
    assert (await ask(api)).status == 200
    assert (await ask(api)).status == 204


async def test_the_control_works_again_after_an_answer_and_a_refusal(api: RunningApi) -> None:
    await age(api)
    first = (await ask(api)).json()["prompt"]
    answer = {"site": "demo", "prompt": first, "person": CY, "score": 5, "scale": "1-5"}
    assert (await api.ask("POST", "/feedback", answer)).status == 201
    await age(api)
    second = (await ask(api)).json()["prompt"]
    body = {"site": "demo", "person": CY, "how": "never"}
    assert (await api.ask("POST", f"/prompts/{second}/dismiss", body)).status == 204
    await age(api)
    assert (await ask(api)).status == 200


async def test_the_control_leads_nowhere_else(api: RunningApi) -> None:
    for page in ("https://evil.example/", "//evil.example", "/app", ""):
        assert (await age(api, page=page)).headers["Location"] == "/demo?aged=1"


async def test_a_browser_that_asks_not_to_be_followed_stays_unknown(api: RunningApi) -> None:
    form = urlencode({"page": "/demo/guide", "person": CY})
    assert (await api.ask("POST", "/demo/age", form, {**FORM, "Sec-GPC": "1"})).status == 303
    assert await api.count(Person) == 0


async def test_the_control_needs_the_id_of_the_browser(api: RunningApi) -> None:
    assert (await age(api, person="")).status == 400


@pytest.mark.parametrize("server_settings", [{"demo": "off"}])
async def test_switched_off_there_is_nothing(api: RunningApi, runtime: Runtime) -> None:
    assert not runtime.settings.demo_is_on
    assert (await api.ask("GET", "/demo")).status == 404
    assert (await age(api)).status == 404
