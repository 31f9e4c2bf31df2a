"""Whether the tag is installed rightly: one tag of a known site, a script that comes, and a beacon that goes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.config import Settings, is_loopback_host
from shared.runtime.coverage.browser import only_reading
from shared.runtime.coverage.findings import Check, events_of

if TYPE_CHECKING:
    from playwright.async_api import Browser, Request

BLOCKED_BY_CLIENT = "ERR_BLOCKED_BY_CLIENT"
TRIES, PAUSE_SECONDS = 40, 0.25  # ten seconds for the first beacon
# Sending works as it does for readers, so that a policy that forbids it shows, until the look is over: what a page
# sends while it closes is not told to the handler of requests, and would arrive.
PREPARE = """
window.__warroomViolations = [];
window.__warroomIsOver = false;
const sendReally = navigator.sendBeacon.bind(navigator), fetchReally = window.fetch.bind(window);
navigator.sendBeacon = (...given) => window.__warroomIsOver || sendReally(...given);
window.fetch = (...given) => window.__warroomIsOver ? new Promise(() => {}) : fetchReally(...given);
XMLHttpRequest.prototype.send = new Proxy(XMLHttpRequest.prototype.send, {
  apply: (send, request, given) => window.__warroomIsOver ? undefined : Reflect.apply(send, request, given),
});
addEventListener("securitypolicyviolation", (event) =>
  window.__warroomViolations.push({directive: event.effectiveDirective, address: event.blockedURI}));
"""
LOOK = """() => ({
  tags: [...document.querySelectorAll("script[data-site]")].map((tag) => ({site: tag.dataset.site, src: tag.src})),
  violations: window.__warroomViolations,
  optedOut: navigator.globalPrivacyControl === true || navigator.doNotTrack === "1",
})"""
BE_QUIET = "() => { window.__warroomIsOver = true; }"
LEAVE = "() => { window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: false})); }"


@dataclass
class Seen:
    """What the browser saw while the page was open."""

    tags: list[dict[str, Any]] = field(default_factory=list)
    violations: list[dict[str, Any]] = field(default_factory=list)
    opted_out: bool = False
    statuses: dict[str, int] = field(default_factory=dict)  # of scripts, by address
    failures: dict[str, str] = field(default_factory=dict)  # of requests, by address
    bodies: list[str] = field(default_factory=list)


async def look_at_tag(browser: "Browser", options: dict[str, Any], url: str) -> Seen:
    """Opens the page as a reader does and waits for its first beacon, which goes no further than here."""
    seen = Seen()
    context = await browser.new_context(**options)
    try:
        await context.add_init_script(PREPARE)
        await context.route("**/*", only_reading(lambda request: _keep(seen, request), lambda: url))
        page = await context.new_page()
        page.on("requestfailed", lambda request: seen.failures.update({request.url: request.failure or "failed"}))
        page.on("response", lambda answer: seen.statuses.update({answer.url: answer.status}))
        await page.goto(url, wait_until="load")
        for _ in range(TRIES):
            await asyncio.sleep(PAUSE_SECONDS)
            await page.evaluate(LEAVE)
            found = await page.evaluate(LOOK)
            seen.tags, seen.violations, seen.opted_out = found["tags"], found["violations"], found["optedOut"]
            if events_of(seen.bodies) or not seen.tags or seen.violations:
                break
        await page.evaluate(BE_QUIET)
    finally:
        await context.close()
    return seen


def _keep(seen: Seen, request: "Request") -> None:
    if body := request.post_data:
        seen.bodies.append(body)


def check_tag(seen: Seen, url: str, settings: Settings) -> list[Check]:
    """Each thing that must be right, in the order in which one finds it out."""
    if not seen.tags:
        return [Check("tag", "wrong", "There is no tag with data-site on the page. The Health page shows the line.")]
    tag = seen.tags[0]
    return [
        _one_tag(seen.tags),
        _known_site(str(tag["site"]), settings),
        _listed_host(str(tag["site"]), url, settings),
        _script_comes(seen, str(tag["src"])),
        _policy_allows(seen, str(tag["src"])),
        _not_opted_out(seen),
        _sends(seen),
    ]


def _one_tag(tags: Sequence[dict[str, Any]]) -> Check:
    if len(tags) == 1:
        return Check("one tag", "ok", "The page has one tag.")
    return Check("one tag", "wrong", f"The page has {len(tags)} tags; only the first one works. Remove the others.")


def _known_site(key: str, settings: Settings) -> Check:
    if settings.site(key) is not None:
        return Check("site", "ok", f"{key!r} is the key of a site.")
    if not settings.sites:
        return Check("site", "unknown", f"No site is configured on this machine, so {key!r} could not be looked up.")
    known = ", ".join(site.key for site in settings.all_sites())
    return Check("site", "wrong", f"data-site={key!r} is not the key of a site; known are: {known}.")


def _listed_host(key: str, url: str, settings: Settings) -> Check:
    host, site = urlsplit(url).hostname or "", settings.site(key)
    if site is None or not site.hosts:
        return Check("host", "unknown", "The site lists no hosts to compare with.")
    if host in site.hosts:
        return Check("host", "ok", f"{host} is among the site's hosts.")
    if is_loopback_host(host):
        return Check(
            "host", "unknown", "The site was looked at on this machine, so its own host could not be compared."
        )
    return Check("host", "wrong", f"{host} is not among the site's hosts; feedback from it is refused. Add it.")


def _script_comes(seen: Seen, source: str) -> Check:
    failure, status = seen.failures.get(source), seen.statuses.get(source)
    if not source:
        return Check("script", "ok", "The script is part of the page.")
    if failure and BLOCKED_BY_CLIENT in failure:
        return Check(
            "script", "wrong", f"The browser blocked {source}, as ad-blockers do; serve it under another name."
        )
    if status is not None and status < 400:
        return Check("script", "ok", f"{source} comes.")
    why = f"was answered {status}" if status else f"could not be loaded ({failure or 'no answer'})"
    return Check("script", "wrong", f"{source} {why}.")


def _policy_allows(seen: Seen, source: str) -> Check:
    origin = _origin(source)
    for violation in seen.violations:
        directive, address = str(violation["directive"]), str(violation["address"])
        if directive.startswith("script-src") and address and _origin(address) == origin:
            return Check(
                "policy", "wrong", f"The page's Content-Security-Policy blocks the script: add {origin} to {directive}."
            )
        if directive == "connect-src" and address and (_origin(address) == origin or address.endswith("/track")):
            need = _origin(address)
            return Check(
                "policy", "wrong", f"The page's Content-Security-Policy blocks the beacon: add {need} to connect-src."
            )
    return Check("policy", "ok", "No Content-Security-Policy stands in the way.")


def _not_opted_out(seen: Seen) -> Check:
    if seen.opted_out:
        return Check(
            "privacy signal", "wrong", "This browser sends Global Privacy Control or Do Not Track: it stays silent."
        )
    return Check("privacy signal", "ok", "This browser asks for no privacy signal.")


def _sends(seen: Seen) -> Check:
    if events_of(seen.bodies):
        return Check("beacon", "ok", "The page sends its view.")
    return Check("beacon", "wrong", "The page sent nothing within ten seconds.")


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else address
