"""Every address of the dashboard, for everybody: anonymous, each role, disabled, demoted since the sign-in."""

from collections.abc import AsyncIterator

import pytest

from api.routes import ALL_ROUTES
from shared.guard import sessions
from shared.guard.roles import ROLE_ORDER, reaches
from shared.runtime import Runtime
from tests.api.running_api import RunningApi
from tests.api.signed_in import OWN_PAGE, Browser

OPEN = {
    ("GET", "/app/sign-in"),
    ("POST", "/app/sign-in"),
    ("GET", "/app/sign-in/discord"),
    ("GET", "/app/sign-in/discord/start"),
}
NEEDED = {
    ("GET", "/app"): "viewer",
    ("GET", "/app/"): "viewer",
    ("GET", "/app/series.csv"): "analyst",
    ("POST", "/app/sign-out"): "viewer",
    ("POST", "/app/appearance"): "viewer",
    ("GET", "/app/war-room"): "viewer",
    ("GET", "/app/war-room/stream"): "viewer",
    ("GET", "/app/feedback"): "viewer",
    ("GET", "/app/feedback.csv"): "analyst",
    ("GET", "/app/feedback/{id}"): "viewer",
    ("POST", "/app/feedback/{id}/status"): "operator",
    ("POST", "/app/feedback/{id}/reply"): "operator",
    ("GET", "/app/health"): "viewer",
    ("GET", "/app/settings"): "admin",
    ("POST", "/app/settings/members"): "admin",
    ("POST", "/app/settings/members/{id}/link"): "admin",
    ("POST", "/app/settings/members/{id}/role"): "admin",
    ("POST", "/app/settings/members/{id}/access"): "admin",
    ("POST", "/app/settings/sessions/{id}/end"): "admin",
    ("POST", "/app/settings/keys"): "admin",
    ("POST", "/app/settings/keys/{id}/revoke"): "admin",
}
REFUSED = {401, 403}


@pytest.fixture
async def browser(api: RunningApi, runtime: Runtime) -> AsyncIterator[Browser]:
    async with Browser(runtime) as opened:
        yield opened


def test_the_table_holds_every_address() -> None:
    declared = {(route.method, route.path) for route in ALL_ROUTES if route.path.startswith("/app")}
    assert declared == NEEDED.keys() | OPEN


def test_the_routes_declare_what_the_table_says() -> None:
    rules = {(route.method, route.path): route.access for route in ALL_ROUTES}
    for place, role in NEEDED.items():
        assert (rules[place].kind, rules[place].needed) == ("role", role), place


async def ask(browser: Browser, place: tuple[str, str], csrf: str = "") -> int:
    """The status of one address; a stream is not read."""
    method, path = place
    url = browser.base_url + path.replace("{id}", "0" * 26)
    form = {"csrf": csrf} if method == "POST" else None
    async with browser.http.request(method, url, data=form, headers=OWN_PAGE, allow_redirects=False) as response:
        return response.status


async def test_strangers_see_nothing(browser: Browser) -> None:
    assert {place: await ask(browser, place) for place in NEEDED} == dict.fromkeys(NEEDED, 401)


async def test_strangers_with_a_browser_are_led_to_the_sign_in(browser: Browser) -> None:
    status, _, headers = await browser.get("/app/feedback?site=docs")
    assert (status, headers["Location"]) == (303, "/app/sign-in?next=/app/feedback%3Fsite%3Ddocs")


@pytest.mark.parametrize("role", ROLE_ORDER)
async def test_each_role_reaches_what_it_may(browser: Browser, role: str) -> None:
    await browser.sign_in("Ada")
    async with Browser(browser.runtime) as other:
        await other.sign_in("Bea", role)
        csrf = await other.csrf()
        for place, needed in NEEDED.items():
            if place == ("POST", "/app/sign-out"):
                continue
            status = await ask(other, place, csrf)
            assert (status == 403) is not reaches(role, needed), (place, status)
            assert status not in (401, 500), (place, status)


async def test_a_disabled_member_is_out_at_once(browser: Browser, runtime: Runtime) -> None:
    await browser.sign_in("Ada")
    async with Browser(runtime) as other:
        member = await other.sign_in("Cy", "operator")
        now = runtime.clock.now()
        await runtime.store.writer.run(lambda session: sessions.disable_member(session, member, now))
        assert {await ask(other, place) for place in NEEDED} == {401}


async def test_a_demoted_member_signs_in_again_with_less(browser: Browser, runtime: Runtime) -> None:
    await browser.sign_in("Ada")
    async with Browser(runtime) as other:
        member = await other.sign_in("Cy", "admin")
        await runtime.store.writer.run(lambda session: sessions.change_role(session, member, "viewer"))
        assert {await ask(other, place) for place in NEEDED} == {401}
        await other.sign_in("Cy")
        assert await ask(other, ("GET", "/app")) == 200
        assert await ask(other, ("GET", "/app/settings")) == 403


async def test_an_api_key_opens_no_page(browser: Browser) -> None:
    headers = {"Authorization": "Bearer wr_abcdefgh_" + "x" * 43, "Accept": "application/json"}
    status, _, _ = await browser.get("/app/feedback", **headers)
    assert status in REFUSED


async def test_other_methods_are_refused(browser: Browser) -> None:
    await browser.sign_in("Ada")
    for method in ("PUT", "DELETE", "PATCH", "TRACE"):
        assert await ask(browser, (method, "/app")) == 405
