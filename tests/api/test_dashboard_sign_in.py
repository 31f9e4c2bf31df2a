"""Signing in: links that work once, sessions that end, forms that only our own pages may send, no plain http."""

from collections.abc import AsyncIterator

import pytest
from sqlmodel import col, select

from api.dashboard_address import safe_path
from shared.clock import ManualClock
from shared.guard.privacy import address_bucket
from shared.runtime import Runtime
from shared.store.models import AuditEntry, Feedback, Member, OutboxMessage, RateWindow, SignInLink
from shared.store.models import Session as SignedIn
from tests.api.running_api import RunningApi
from tests.api.signed_in import OWN_PAGE, Browser, make_link


@pytest.fixture
async def browser(api: RunningApi, runtime: Runtime) -> AsyncIterator[Browser]:
    async with Browser(runtime) as opened:
        yield opened


async def redeem(browser: Browser, token: str, **headers: str) -> tuple[int, str]:
    status, page, _ = await browser.ask("POST", "/app/sign-in", {"token": token}, {**OWN_PAGE, **headers})
    return status, page


async def test_the_front_door_leads_to_the_dashboard(browser: Browser) -> None:
    status, _, headers = await browser.get("/")
    assert (status, headers["Location"]) == (303, "/app")


async def test_the_page_works_without_script_and_never_sees_the_token(browser: Browser) -> None:
    status, page, headers = await browser.get("/app/sign-in")
    assert status == 200
    assert 'name="token"' in page
    assert "after the #" in page
    assert headers["Cache-Control"] == "no-store"
    assert "unsafe" not in headers["Content-Security-Policy"]


async def test_a_link_works_once(browser: Browser, runtime: Runtime) -> None:
    token = await make_link(runtime, "Ada")
    assert (await redeem(browser, token))[0] == 303
    async with Browser(runtime) as other:
        status, page = await redeem(other, token)
        assert status == 401
        assert "used or is too old" in page


async def test_a_whole_link_may_be_pasted(browser: Browser, runtime: Runtime) -> None:
    token = await make_link(runtime, "Ada")
    assert (await redeem(browser, f"{browser.base_url}/app/sign-in#{token}"))[0] == 303


async def test_a_link_lives_ten_minutes(browser: Browser, runtime: Runtime, clock: ManualClock) -> None:
    token = await make_link(runtime, "Ada")
    clock.advance(minutes=10, seconds=1)
    assert (await redeem(browser, token))[0] == 401


async def test_tokens_are_stored_as_digests_only(browser: Browser, runtime: Runtime) -> None:
    token = await make_link(runtime, "Ada")
    await redeem(browser, token)
    cookie = next(iter(browser.http.cookie_jar)).value
    async with runtime.store.read() as session:
        link = (await session.execute(select(SignInLink))).scalar_one()
        signed_in = (await session.execute(select(SignedIn))).scalar_one()
    assert token not in repr(link)
    assert cookie not in repr(signed_in)
    assert len(cookie) >= 43


async def test_the_cookie_is_for_this_server_alone(browser: Browser, runtime: Runtime) -> None:
    token = await make_link(runtime, "Ada")
    _, _, headers = await browser.ask("POST", "/app/sign-in", {"token": token}, OWN_PAGE)
    cookie = headers["Set-Cookie"]
    assert cookie.startswith("warroom=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))


async def test_signing_in_again_ends_the_session_before(browser: Browser, runtime: Runtime) -> None:
    await browser.sign_in("Ada")
    old = {cookie.key: cookie.value for cookie in browser.http.cookie_jar}
    await browser.sign_in("Ada")
    async with Browser(runtime) as thief:
        status, _, _ = await thief.get("/app", Cookie="; ".join(f"{name}={value}" for name, value in old.items()))
    assert status == 303
    assert (await browser.get("/app"))[0] == 200


async def test_signing_out_ends_the_session_in_the_store(browser: Browser, runtime: Runtime) -> None:
    await browser.sign_in("Ada")
    held = {cookie.key: cookie.value for cookie in browser.http.cookie_jar}
    status, _, headers = await browser.post("/app/sign-out")
    assert (status, headers["Location"]) == (303, "/app/sign-in")
    assert (await browser.get("/app", Cookie="; ".join(f"{k}={v}" for k, v in held.items())))[0] == 303


async def test_a_session_ends_when_idle(browser: Browser, clock: ManualClock) -> None:
    await browser.sign_in("Ada")
    clock.advance(minutes=29)
    assert (await browser.get("/app"))[0] == 200
    clock.advance(minutes=29)
    assert (await browser.get("/app"))[0] == 200
    clock.advance(minutes=31)
    assert (await browser.get("/app"))[0] == 303


@pytest.mark.slow
async def test_a_session_ends_after_twelve_hours(browser: Browser, clock: ManualClock) -> None:
    await browser.sign_in("Ada")
    for _ in range(12 * 60 // 20 - 1):
        clock.advance(minutes=20)
        assert (await browser.get("/app"))[0] == 200
    clock.advance(minutes=21)
    assert (await browser.get("/app"))[0] == 303


async def test_guessing_is_slowed_down(browser: Browser, runtime: Runtime) -> None:
    tries = runtime.settings.limits.sign_in_tries_per_quarter_hour
    answers = [(await redeem(browser, f"guess-{number}-{'x' * 40}"))[0] for number in range(tries + 1)]
    assert answers == [401] * tries + [429]
    async with runtime.store.read() as session:
        (bucket,) = (await session.execute(select(RateWindow.bucket).distinct())).scalars()
    assert address_bucket(runtime.instance_key, "127.0.0.1") not in bucket, "such a key stays for ever"
    token = await make_link(runtime, "Ada")
    status, page, headers = await browser.ask("POST", "/app/sign-in", {"token": token}, OWN_PAGE)
    assert status == 429
    assert "Please wait" in page
    assert int(headers["Retry-After"]) > 0


async def test_sign_ins_and_failures_are_on_record(browser: Browser, runtime: Runtime) -> None:
    await redeem(browser, "x" * 43)
    await browser.sign_in("Ada")
    async with runtime.store.read() as session:
        actions = list((await session.execute(select(AuditEntry.action).order_by(col(AuditEntry.id)))).scalars())
    assert actions == ["sign_in_failed", "sign_in"]


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": ""},
    {"Origin": "https://evil.test"},
    {"Origin": "null"},
]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_form_of_another_site_is_refused(browser: Browser, headers: dict[str, str]) -> None:
    await browser.sign_in("Ada")
    form = {"csrf": await browser.csrf(), "theme": "dark"}
    status, _, _ = await browser.ask("POST", "/app/appearance", form, headers)
    assert status == 403


@pytest.mark.parametrize("headers", FOREIGN)
async def test_another_site_cannot_sign_a_browser_in(
    browser: Browser, runtime: Runtime, headers: dict[str, str]
) -> None:
    token = await make_link(runtime, "Ada")
    assert (await browser.ask("POST", "/app/sign-in", {"token": token}, headers))[0] == 403


async def test_a_form_needs_the_token_of_its_own_session(browser: Browser, runtime: Runtime) -> None:
    await browser.sign_in("Ada")
    async with Browser(runtime) as other:
        await other.sign_in("Bea", "admin")
        foreign = await other.csrf()
    for token in ("", foreign, "é"):
        form = {"csrf": token, "theme": "dark"}
        assert (await browser.ask("POST", "/app/appearance", form, OWN_PAGE))[0] == 403
    assert (await browser.ask("POST", "/app/appearance", {"theme": "dark"}, OWN_PAGE))[0] == 403
    assert (await browser.post("/app/appearance", theme="dark"))[0] == 303


async def test_json_as_text_is_no_form(browser: Browser) -> None:
    await browser.sign_in("Ada")
    url = f"{browser.base_url}/app/sign-out"
    headers = {**OWN_PAGE, "Content-Type": "text/plain"}
    async with browser.http.post(url, data='{"csrf":"x"}', headers=headers) as response:
        assert response.status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "warroom.example"},
        {"Host": "192.0.2.7:8080"},
        {"Host": "localhost.evil.test"},
        {"X-Forwarded-For": "192.0.2.7"},
        {"X-Forwarded-Proto": "http"},
        {"X-Forwarded-Proto": "https"},
        {"Forwarded": "proto=http"},
    ],
)
async def test_plain_http_beyond_loopback_is_refused(browser: Browser, headers: dict[str, str]) -> None:
    for path in ("/app", "/app/sign-in"):
        status, page, _ = await browser.get(path, **headers)
        assert status == 403
        assert "plain http" in page


HOSTILE_TARGETS = [
    "//evil.test",
    "/\\evil.test",
    "https://evil.test",
    "https:evil.test",
    "\t//evil.test",
    "/app\r\nSet-Cookie: a=b",
    "javascript:alert(1)",
    "/app@evil.test",
    "/app.evil.test",
    "/application",
    "//app",
    "/app//evil.test",
    "/app/../..//evil.test",
    "/app?next=//evil.test\\",
    "/app#x",
    "／app",
    "/app/%0d%0a",
    "http://127.0.0.1/app",
    " /app",
    "data:text/html,x",
    "",
]


@pytest.mark.parametrize("target", HOSTILE_TARGETS)
def test_a_target_never_leads_elsewhere(target: str) -> None:
    assert safe_path(target) == "/app"


OWN_TARGETS = [
    "/app",
    "/app/feedback",
    "/app/feedback?site=docs&period=7",
    "/app/feedback/01ab",
    "/app/feedback/01ab?page=/docs/start&words=why?+(again),+it's+10:00",
]


@pytest.mark.parametrize("target", OWN_TARGETS)
def test_a_target_of_our_own_is_kept(target: str) -> None:
    assert safe_path(target) == target


async def test_after_signing_in_the_wanted_page_opens(browser: Browser, runtime: Runtime) -> None:
    token = await make_link(runtime, "Ada")
    form = {"token": token, "next": "/app/feedback?status=new"}
    _, _, headers = await browser.ask("POST", "/app/sign-in", form, OWN_PAGE)
    assert headers["Location"] == "/app/feedback?status=new"


async def rows_of(runtime: Runtime) -> list[str]:
    """Everything that reading a page must leave as it is."""
    async with runtime.store.read() as session:
        tables = (Member, AuditEntry, Feedback, OutboxMessage)
        return [repr(row) for table in tables for row in (await session.execute(select(table))).scalars()]


async def test_reading_changes_nothing(browser: Browser, runtime: Runtime) -> None:
    await browser.sign_in("Ada")
    before = await rows_of(runtime)
    for path in ("/app", "/app/feedback", "/app/war-room", "/app/settings", "/app/series.csv"):
        assert (await browser.get(path))[0] == 200
    assert await rows_of(runtime) == before
