"""Unique traces of a person, every way to send them in, and the search for them wherever they could have stayed."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from api.routes import ALL_ROUTES
from shared.event_catalogue import CATALOGUE, Property
from shared.ingest.event_fields import TrackEvent

ADDRESS = "203.0.113.177"
ADDRESS_V6 = "2001:db8:ca1a:7::1d9"
AGENT = "Mozilla/5.0 (CanaryOS 9.9) CanaryAgent/7.7 Gecko/20100101 Firefox/140.0"
QUERY = "canaryquery"
FRAGMENT = "canaryfragment"
REFERRED = "canaryreferrerquery"
MAIL = "canary.person@mail.example"
ACCOUNT = "901234567890123456"  # a Discord user's id
COOKIE = "canarycookie"
WRONG_KEY = "wr_canarykey_0123456789abcdef0123456789abcdef"
TRACES = (
    ADDRESS,
    ADDRESS_V6,
    "CanaryOS",
    "CanaryAgent",
    QUERY,
    FRAGMENT,
    REFERRED,
    MAIL,
    "canary.person",
    ACCOUNT,
    COOKIE,
    "canarykey",
)
READER = "reader-0123456789"  # a consented id, by which they are handed what is stored about them
PAGE = "/canary-page"  # may stay: the search must find it, or it would find nothing at all
URL = f"https://docs.example{PAGE}?{QUERY}={MAIL}&token=1#{FRAGMENT}"
REFERRER = f"https://news.example/list?{REFERRED}=1#{FRAGMENT}"
HEADERS = {
    "User-Agent": AGENT,
    "Referer": REFERRER,
    "Cookie": f"session={COOKIE}",
    "Origin": "https://docs.example",
    "X-Forwarded-User-Agent": AGENT,
    "Forwarded": f'for="[{ADDRESS_V6}]";proto=https',
    "X-Real-IP": ADDRESS,
    "CF-Connecting-IP": ADDRESS,
    "True-Client-IP": ADDRESS,
    "From": MAIL,
    "X-Discord-User": ACCOUNT,
}
SENDERS = (ADDRESS, ADDRESS_V6, f"[{ADDRESS_V6}]:4711", f"{ADDRESS}:4711, 127.0.0.9")
OWN: dict[str, Any] = {"ip": ADDRESS, "userAgent": AGENT, "user_agent": AGENT, "cookie": COOKIE, "email": MAIL}
WORDS = f"Mail me at {MAIL} or write to {MAIL.upper()}. I saw {URL} as {ADDRESS} with {AGENT}"
HIDDEN: dict[str, str] = {  # as clients and log lines hide it in texts
    "in_json": json.dumps({"ip": ADDRESS, "v6": ADDRESS_V6, "ua": AGENT, "url": URL, "cookie": COOKIE, "who": MAIL}),
    "in_json_again": json.dumps(json.dumps({"ip": ADDRESS, "ua": AGENT, "cookie": COOKIE})),
    "prefixed": f"ip:{ADDRESS} ip={ADDRESS_V6} ua={AGENT}",
    "network": f"{ADDRESS}/32",
    "network_v6": f"{ADDRESS_V6}/128",
    "with_port": f"[{ADDRESS_V6}]:4711 and {ADDRESS}:4711",
    "in_words": f"seen from {ADDRESS}, told by {MAIL}",
    "query_alone": f"?{QUERY}",
    "pairs": f"id=1&token={QUERY}",
    "without_scheme": f"docs.example{PAGE}?{QUERY}#{FRAGMENT}",
    "host_and_query": f"docs.example?{QUERY}",
    "host_and_fragment": f"docs.example#{FRAGMENT}",
    "header": f"Cookie: session={COOKIE}; other={COOKIE}",
}
TEXTS = (URL, REFERRER, WORDS, MAIL, *HIDDEN.values())
BROWSER = "canary-browser"  # a random id that consented
BEGAN = "2026-03-11T12:00:00Z"


def own_bodies() -> Iterator[tuple[str, Any]]:
    """What our own script, widget and servers send, with more in it than they would."""
    event = {"view": "canary-view", "page": URL, "title": "Start", "referrer": REFERRER, "target": URL, **OWN}
    yield "/track", {"site": "docs", **OWN, "events": [{"id": "canary-1", "name": "page_view", **event}]}
    yield "/track", {"site": "docs", "id": "canary-2", "name": "outbound_click", **event}
    told = {"error": f"Failed at {URL} for {MAIL}", "seen": URL, "who": MAIL}
    yield "/api/track", {"site": "docs", "events": [{"id": "canary-3", "name": "told", "page": URL, "props": told}]}
    error = {"message": f"{MAIL} is not allowed", "source": URL, "line": 1, "count": 1}
    yield "/track", {"site": "docs", "id": "canary-4", "name": "script_error", "page": URL, "props": error}
    yield from every_field()
    said = {"text": WORDS, "page": URL, "score": 1, "scale": "1-5", **OWN}
    beside = {"plan": URL, "segment": MAIL, "survey": f"?{QUERY}", "element": ADDRESS}
    yield "/feedback", {"site": "docs", "id": f"{MAIL}-7", **said, **beside}
    yield "/feedback", {"site": "docs", "id": "canary-5", **said}
    yield "/api/feedback", {"site": "docs", "id": "canary-6", **said, "text": WORDS * 3}
    agreed = {"site": "docs", "person": READER, "language": "en", "zone": "UTC"}
    yield "/track", {**agreed, **OWN, "events": [{"id": "canary-7", "name": "page_view", **event, "props": OWN}]}
    yield "/feedback", {**agreed, "id": "canary-8", **said}
    yield "/prompts/canary/dismiss", {"site": "docs", "person": "nobody-0123456789", "how": "later", **OWN}
    yield "/api/v1/privacy/export", {"site": "docs", "person": "nobody-0123456789", **OWN}


def text_fields() -> list[str]:
    """The fields of an event that hold a text of the sender's own; `name` and `props` are tried beside them."""
    others = ("id", "name", "currency", "props")
    fields = msgspec.structs.fields(TrackEvent)
    return [field.name for field in fields if "str" in str(field.type) and field.name not in others]


def every_field() -> Iterator[tuple[str, Any]]:
    """Each text in every field of an event, its name, its properties and their names, wherever it is not too long."""
    for number, told in enumerate(TEXTS):
        events = [_filled(f"canary-{number}-{place}", name, told) for place, name in enumerate(CATALOGUE)]
        events.append(_filled(f"canary-{number}-own", _fitting(told, 64), told))
        yield "/track", {"site": "docs", "events": events}
        yield "/track", {"site": "docs", "view": _fitting(told, 64), "page": URL, "events": [_told(f"seen-{number}")]}
    browser = {"person": BROWSER, "language": MAIL, "zone": _fitting(URL, 64)}
    yield "/track", {"site": "docs", **browser, "events": [_told("canary-browser", title=WORDS)]}
    for address in (ADDRESS, ADDRESS_V6):
        link = f"http://[{address}]/" if ":" in address else f"http://{address}/"
        yield "/track", {"site": "docs", "events": [_told(address, view=address, referrer=link, target=link)]}


def _told(event_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": event_id, "name": "page_view", "page": PAGE, **fields}


def _filled(event_id: str, name: str, told: str) -> dict[str, Any]:
    """A valid event with the text in every place that takes one."""
    sizes = dict.fromkeys(("view", "sequence", "experiment", "variant", "goal"), 64)
    fields = {field: _fitting(told, sizes.get(field, 2000)) for field in text_fields()}
    given = {found.name: _valid(found, told) for found in (CATALOGUE[name].properties if name in CATALOGUE else ())}
    props = {"more": told, _fitting(told, 64): told, **given}
    numbers = {"step": 1, "steps": 1, "engaged_ms": 1}
    return {"id": event_id, "name": name, **fields, **numbers, "page": f"{PAGE}?{told}", "props": props}


def _valid(declared: Property, told: str) -> str | int | bool:
    """A value of the declared type; a text if it may be one."""
    if declared.type == "choice":
        return declared.choices[0]
    return told if declared.type == "text" else declared.type == "boolean" or 1


def _fitting(told: str, most: int) -> str:
    """Not cut: half of an address is nobody's."""
    return told if len(told) <= most else MAIL


def foreign_bodies(key: str) -> Iterator[tuple[str, Any]]:
    """What the clients of other products send."""
    props = {"plan": "pro", **OWN, "$ip": ADDRESS, "$current_url": URL, "$referrer": REFERRER, "url": URL, **HIDDEN}
    props |= {"title": URL, "name": MAIL, "goal": URL, "experiment": MAIL, "variant": URL, "sequence": URL}
    plausible = {"n": "pageview", "u": URL, "d": "docs.example", "r": REFERRER, "p": props}
    yield "/api/event", plausible
    yield "/api/event", {"name": "Signup", "url": URL, "domain": "docs.example", "referrer": REFERRER, "props": props}
    context = {"ip": ADDRESS, "userAgent": AGENT, "page": {"url": URL, "referrer": REFERRER, "search": f"?{QUERY}"}}
    person = {"userId": MAIL, "anonymousId": ADDRESS, "context": context, "traits": {"email": MAIL, "plan": URL}}
    for number, kind in enumerate(("track", "page", "identify", "screen", "group", "alias")):
        message = {"type": kind, "messageId": f"canary-segment-{number}", "event": "Told", **person}
        yield f"/v1/{kind}", {**message, "properties": props, "writeKey": key}
        yield "/v1/batch", {"batch": [{**message, "properties": props, "messageId": f"b{number}"}], "writeKey": key}
    for number, name in enumerate(TEXTS):
        message = {"type": "track", "event": _fitting(name, 64), "userId": "u", "messageId": f"canary-named-{number}"}
        yield "/v1/track", {**message, "properties": props, "writeKey": key}
        yield "/v1/page", {**message, "type": "page", "name": name, "messageId": f"p{number}", "writeKey": key}
    known = {"type": "identify", "userId": BROWSER, "traits": {"plan": URL, "segment": MAIL}}
    yield "/v1/identify", {**known, "context": {"locale": MAIL, "timezone": URL}, "writeKey": key}
    named = {"type": "track", "event": "Told", "userId": ACCOUNT, "messageId": "canary-segment-named"}
    yield "/v1/track", {**named, "context": context, "writeKey": key}
    event = {
        "event": "told",
        "distinct_id": ACCOUNT,
        "properties": props,
        "uuid": "50f23a7a-8b0a-4d62-867d-8c34eb2ad2cd",
    }
    identify = {"event": "$identify", "distinct_id": MAIL, "properties": {"$set": {"email": MAIL}}}
    for path in ("/batch/", "/capture/", "/i/v0/e/"):
        yield path, {"api_key": key, "batch": [event, identify, {**event, "event": "$pageview", "uuid": ""}]}
    message = {"hostname": "docs.example", "url": URL, "referrer": REFERRER, "title": "Start", "data": props}
    umami = {"type": "event", "payload": {"website": "docs", "name": "told", "id": MAIL, **OWN, **message}}
    yield "/api/send", umami
    yield "/api/send", {"type": "identify", "payload": {"website": "docs", "id": MAIL, **OWN, **message}}
    yield "/api/batch", [umami]
    panel = {"name": "screen_view", "profileId": MAIL, "properties": {"__path": URL, "__referrer": REFERRER, **props}}
    yield "/track", {"type": "track", "payload": panel}
    yield "/track", {"type": "identify", "payload": {"profileId": MAIL, "email": MAIL, **OWN}}
    labels = {"alertname": "CanaryAlert", "owner": MAIL, "instance": f"{ADDRESS}:9100", "path": URL, **HIDDEN}
    annotations = {"summary": WORDS, "runbook_url": URL, "page": PAGE, f"for {MAIL}": REFERRER, **HIDDEN}
    alert = {"status": "firing", "labels": labels, "annotations": annotations, "generatorURL": URL, "startsAt": BEGAN}
    yield "/api/v1/alertmanager", {"version": "4", "alerts": [alert], "externalURL": URL}
    yield "/api/v2/alerts", [alert]


BROKEN: tuple[bytes, ...] = (
    f'{{"site": "docs", "text": "{WORDS}"'.encode(),
    json.dumps({"site": URL, "events": [{"id": MAIL, "name": URL, "page": [MAIL]}]}).encode(),
    json.dumps({MAIL: {QUERY: [ADDRESS]}}).encode(),
    json.dumps({"site": "docs", "text": WORDS}).encode() + b" " * 70_000,
    json.dumps(MAIL).encode(),
    f"\xff\xfe{MAIL}".encode("latin-1"),
)


def routes() -> Iterator[tuple[str, str]]:
    """Every route of the application, with something in place of what its path asks for."""
    for route in ALL_ROUTES:
        yield route.method, route.path.replace("{id}", FRAGMENT).replace("{name}", "warroom.js")


class Answers:
    """Everything that came back."""

    def __init__(self) -> None:
        self.texts: dict[str, bytes] = {}
        self.statuses: dict[str, int] = {}

    async def keep(self, name: str, answer: aiohttp.ClientResponse) -> None:
        headers = "\n".join(f"{key}: {value}" for key, value in answer.headers.items())
        self.texts[f"{len(self.texts)} {name}"] = headers.encode() + b"\n\n" + await answer.read()
        self.statuses[f"{len(self.statuses)} {name}"] = answer.status


async def send_everything(http: aiohttp.ClientSession, key: str) -> Answers:
    """Own and foreign bodies with and without a key, nonsense to every route, from all senders."""
    answers = Answers()
    told = [*own_bodies(), *foreign_bodies(key)]
    for number, (path, body) in enumerate(told):
        for authorization in ({}, {"Authorization": f"Bearer {key}"}, {"Authorization": f"Bearer {WRONG_KEY}"}):
            await _send(http, answers, "POST", path, json.dumps(body).encode(), number, authorization)
    form = {"site": "docs", "score": "1", "scale": "1-5", "page": URL, "text": WORDS}
    for fields in (form, {**form, "score": "77"}, {**form, "text": ""}):
        await _send(http, answers, "POST", "/feedback", fields, len(answers.texts), {"Accept": "text/html"})
    for number, (method, path) in enumerate(routes()):
        for body in BROKEN if method == "POST" else (b"",):
            await _send(http, answers, method, path, body, number, {"Content-Type": "application/json"})
        await _send(http, answers, "OPTIONS", path, b"", number, {"Access-Control-Request-Method": method})
    for path in (f"/{FRAGMENT}/{MAIL}", f"/static/{MAIL}", "/app/feedback", "/prompts/next"):
        await _send(http, answers, "GET", path, b"", 0, {"Accept": "text/html"})
    return answers


async def _send(
    http: aiohttp.ClientSession,
    answers: Answers,
    method: str,
    path: str,
    body: Any,
    number: int,
    headers: Mapping[str, str],
) -> None:
    kind = {} if isinstance(body, dict) else {"Content-Type": "application/json"}
    sent = {**HEADERS, **kind, "X-Forwarded-For": SENDERS[number % len(SENDERS)], **headers}
    address = f"{path}?{QUERY}={MAIL}&site=docs"
    if path.endswith("/stream"):
        return  # never ends; it refuses who is not signed in like every page beside it
    async with http.request(method, address, data=body, headers=sent, allow_redirects=False) as answer:
        await answers.keep(f"{method} {path}", answer)


def find_traces(data: bytes) -> set[str]:
    """The traces in it, in any case and also as JSON and URLs write them."""
    lowered = data.lower()
    forms = {trace: {trace, trace.replace("@", "%40"), trace.replace("@", "\\u0040")} for trace in TRACES}
    return {trace for trace, ways in forms.items() if any(way.lower().encode() in lowered for way in ways)}


def search_folders(*folders: Path) -> dict[str, set[str]]:
    """Each file with the traces in it."""
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    found = {str(path): find_traces(path.read_bytes()) for path in files}
    return {name: traces for name, traces in found.items() if traces}
