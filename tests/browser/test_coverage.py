"""`warroom coverage` in a real browser: what it uses, what it misses for which reason, and that nothing leaves."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from shared.clock import process_clock
from shared.config import PROJECT_DIR, Settings
from shared.derive.coverage import load_last_run
from shared.errors import InvalidInput
from shared.runtime import build_runtime
from shared.runtime.coverage import Coverage, measure_coverage
from shared.runtime.coverage.browser import NAMES
from shared.runtime.coverage.purposes import FEEDBACK
from tests.browser.covered_site import FULL, PAGES, CoveredSite, covered_site
from tests.conftest import make_settings
from tests.docs_site.sample_site import build_site

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    if not any(map(shutil.which, NAMES)) and not os.environ.get("CI"):
        pytest.skip(f"no Chromium on this machine (looked for {', '.join(NAMES)})")
    return make_settings(tmp_path / "data")


@pytest.fixture
async def site() -> AsyncIterator[CoveredSite]:
    async with covered_site() as running:
        yield running


def states(found: Coverage) -> dict[str, str]:
    return {check.name: check.state for check in found.checks}


async def test_what_yields_no_declared_event_is_named_with_its_reason(settings: Settings, site: CoveredSite) -> None:
    found = await measure_coverage(site.address, settings)
    missed = {(element.page, element.kind, element.name): element.reason.partition(": ")[0] for element in found.missed}
    assert missed == {
        ("/", "step", "2"): "invalid",
        ("/", "link", "File"): "no file_download",
        ("/", "button", "Copy"): "no event of its own",
        ("/", "form", "Search"): "no event of its own",
        ("/", "form", "Tell nobody"): "no feedback",
        ("/", "form", "Subscribe"): "no conversion",
        ("/", "form", "Order"): "its fields take no made-up values, so it was not sent; no event of its own",
        ("/lite.html", "link", "Home"): "no event",
        ("/lite.html", "button", "Undeclared"): "undeclared",
        ("/plain.html", "link", "Home"): "no event",
        ("/plain.html", "link", "Gone"): "no event",
        ("/plain.html", "page", "the page"): "no tag on this page",
        ("/gone", "page", "the page"): "answered 404",
    }
    covered = {(e.page, e.kind, e.name): set(e.events) for e in found.elements if e.is_covered}
    assert covered["/", "step", "quick 1"] == {"sequence_step"}
    assert covered["/", "link", "Out"] == {"click", "outbound_click"}
    assert covered["/", "form", "Tell"] == {"click", "feedback"}
    assert covered["/lite.html", "button", "Sign up"] == {"conversion"}
    clicked = {element.name for element in found.only_clicked}
    assert clicked == {"Lite", "Plain", "Mail", "More", "Own", "Away", "Hidden", "Late", "Open", "Close"}
    assert covered["/lite.html", "link", "Marked home"] == {"click"}, "a click on what has a name says more"
    assert [page.path for page in found.pages if not page.was_walked] == ["/gone"]
    assert site.sent == []
    assert set(states(found).values()) == {"ok", "unknown"}
    assert found.site == "docs"


async def test_what_a_run_leaves_out_counts_as_missed(settings: Settings, site: CoveredSite) -> None:
    site.pages = {"/": f"{FULL}<a href='/b'>B</a><a href='/c'>C</a><a href='mailto:a@docs.example'>M</a>", "/b": FULL}
    one = await measure_coverage(site.address, settings, pages=1)
    assert [(element.page, element.reason) for element in one.missed] == [
        ("/b", "not walked, beyond --pages 1"),
        ("/c", "not walked, beyond --pages 1"),
    ]
    few = await measure_coverage(site.address, settings, elements=2)
    assert {element.page: element.reason for element in few.missed} == {
        "/": "only its first 2 elements were used; --elements allows more",
        "/c": "answered 404",
    }
    assert len(few.elements) == 4


async def test_a_tag_that_a_policy_blocks_is_told_so(settings: Settings, site: CoveredSite) -> None:
    site.policy = "script-src 'self'; connect-src 'none'"
    found = await measure_coverage(site.address, settings, pages=1)
    assert (states(found)["policy"], states(found)["beacon"]) == ("wrong", "wrong")
    assert "connect-src" in next(check.sentence for check in found.checks if check.name == "policy")
    site.policy = "script-src https://elsewhere.example"
    found = await measure_coverage(site.address, settings, pages=1)
    assert "script-src" in next(check.sentence for check in found.checks if check.name == "policy")
    assert states(found)["script"] == "wrong"


async def test_wrong_tags_are_told_so(settings: Settings, site: CoveredSite) -> None:
    site.pages["/"] = FULL.replace('"docs"', '"nowhere"') + FULL.replace("warroom.js", "missing.js")
    found = await measure_coverage(site.address, settings, pages=1)
    assert (states(found)["one tag"], states(found)["site"]) == ("wrong", "wrong")
    site.pages["/"] = PAGES["/plain.html"]
    found = await measure_coverage(site.address, settings, pages=1)
    assert states(found) == {"tag": "wrong"}
    assert found.percent == 0


async def test_an_address_that_is_none_is_refused_in_a_sentence(settings: Settings) -> None:
    with pytest.raises(InvalidInput, match="is not the address of a site"):
        await measure_coverage("ftp://docs.example", settings)
    with pytest.raises(InvalidInput, match="cannot be opened"):
        await measure_coverage("http://127.0.0.1:9/", settings)


@pytest.mark.timeout(900)
async def test_every_element_of_the_sample_site_yields_a_declared_event(settings: Settings) -> None:
    """The real Starlight site: the search, forms, downloads, copy buttons, goals and steps yield the event of each.

    It is instrumented for that: goals and steps by components, the search by `data-search`, a file by `download`.
    """
    built = await asyncio.to_thread(build_site, "on")
    async with serving(built) as address:
        found = await measure_coverage(address, settings)
    assert [(element.label, element.reason) for element in found.missed] == []
    assert [(page.path, page.problems) for page in found.pages if page.problems] == []
    assert (found.percent, found.wrong) == (100, [])
    own = {name for element in found.elements for name in element.own}
    needed = {purpose for element in found.elements for purpose in element.purposes}
    assert own == {
        "conversion",
        "outbound_click",
        "file_download",
        "code_copy",
        "site_search",
        "sequence_step",
        FEEDBACK,
    }
    assert needed == {"goal", "outbound", "download", "copy", "search", "step", "done", "feedback"}
    assert {element.kind for element in found.only_clicked} == {"link", "button"}
    assert len(found.pages) >= 20
    assert {element.kind for element in found.elements} == {"link", "button", "form", "step"}


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """The files of a built site, as a static host gives them."""

    async def answer(request: web.Request) -> web.StreamResponse:
        path = folder / request.path.lstrip("/")
        path = path / "index.html" if path.is_dir() else path
        return web.FileResponse(path) if path.is_file() else web.Response(status=404)

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def run_command(address: str, tmp_path: Path, *options: str) -> tuple[int, str, str]:
    """`warroom coverage` as a process of its own."""
    local = tmp_path / "config.local.toml"
    local.write_text('[[sites]]\nkey = "docs"\nname = "Example Docs"\nhosts = ["docs.example"]\n', "utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "WARROOM_CONFIG_FILE": str(local),
        "WARROOM_DATA_DIR": str(tmp_path / "data"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "shared",
        "coverage",
        address,
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        cwd=PROJECT_DIR,
    )
    out, error = await process.communicate()
    return process.returncode or 0, out.decode(), error.decode()


async def test_the_command_says_what_is_missed_and_keeps_the_result(
    settings: Settings, site: CoveredSite, tmp_path: Path
) -> None:
    code, out, error = await run_command(site.address, tmp_path)
    assert code == 0, error
    assert "yield a declared event" in out
    assert "of them one of their own" in " ".join(out.split())
    assert "undeclared: not_declared" in out
    assert "Kept as the coverage of Example Docs." in error
    code, out, _ = await run_command(
        site.address, tmp_path, "--json", "--fail-under", "100", "--pages", "2", "--no-store"
    )
    assert code == 1
    assert [page["walked"] for page in json.loads(out)["pages"]] == [True, True, False]
    async with build_runtime(settings, process_clock()) as runtime, runtime.store.read() as session:
        kept = await load_last_run(session, "docs")
    assert kept is not None
    assert 0 < kept.own < kept.covered < kept.elements
    assert any("Undeclared" in name for name in kept.missed)
    assert site.sent == []
