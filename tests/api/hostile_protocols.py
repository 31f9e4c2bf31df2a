"""What strangers may send to the paths of foreign clients, and what they must hear; `@KEY` stands for a good key."""

import gzip
import json
from collections.abc import Callable
from typing import Any

from tests.api.hostile_case import HOSTILE_PAGES, HOSTILE_TEXTS, Case

KEY = "@KEY"
WITH_KEY = {"Authorization": f"Bearer {KEY}"}
ZIPPED = {**WITH_KEY, "Content-Encoding": "gzip"}
NO_OBJECTS: tuple[bytes, ...] = (b"", b"null", b"true", b"123", b'"text"', b"[]", b"{}", b"{", b"\xff", b"[" * 5000)


def plausible(**fields: Any) -> dict[str, Any]:
    return {"n": "pageview", "u": "https://docs.example/a", "d": "docs.example", **fields}


def track(**fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": "e", "userId": "u", **fields}


def batch(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"batch": list(messages), **fields}


def capture(**fields: Any) -> dict[str, Any]:
    return {"api_key": KEY, "event": "e", "distinct_id": "u", **fields}


def panel(**fields: Any) -> dict[str, Any]:
    return {"type": "track", "payload": {"name": "e", "properties": fields}}


def umami(**fields: Any) -> dict[str, Any]:
    return {"type": "event", "payload": {"website": "docs", "url": "/a", **fields}}


def alert(**fields: Any) -> dict[str, Any]:
    return {"labels": {"alertname": "A"}, **fields}


def webhook(*alerts: Any, **fields: Any) -> dict[str, Any]:
    return {"version": "4", "alerts": list(alerts), **fields}


def told(**fields: Any) -> dict[str, Any]:
    return alert(**{"status": "firing", "startsAt": "2026-03-11T03:50:46.658320997Z", **fields})


def plausible_cases() -> list[Case]:
    wrong: dict[str, list[Any]] = {
        "n": [None, "", "  ", 5, [], {}, "n" * 121],
        "u": [None, "", 5, [], "/" + "u" * 2000, "data:text/html,<script>1</script>", " DATA:x"],
        "d": [5, [], {}],
    }
    sent = [
        *(Case(f"body {body[:9]!r}", 400, body) for body in NO_OBJECTS),
        *(Case(f"{k} = {v!r:.40}", 400, plausible(**{k: v})) for k, values in wrong.items() for v in values),
        *(Case(f"page {page!r}", 202, plausible(u=page, d="docs.example"), 1) for page in HOSTILE_PAGES[2:]),
        *(Case(f"name {t[:12]!r}", 202, plausible(n=t[:119] + "e"), 1) for t in HOSTILE_TEXTS),
        *(Case(f"props {p!r:.30}", 202, plausible(p=p), 1) for p in (None, 5, [], "[", "[]", "null", {"a": [1]})),
        *(Case(f"revenue {r!r:.40}", 202, plausible(n="g", **{"$": r}), 1) for r in REVENUES),
        *(Case(f"e = {e!r}", 202, plausible(n="engagement", e=e), 1) for e in (None, -1, 1e9, "5", [], True)),
        Case("31 properties", 202, plausible(n="g", p={f"p{n}": n for n in range(31)}), 1),
        Case("long property", 202, plausible(n="g", p={"k" * 300: "v" * 2000}), 1),
        Case("no such domain", 202, plausible(d="nowhere.example")),
        Case("domain as a path", 202, plausible(d="../docs")),
        Case("a thousand domains", 202, plausible(d="docs.example," * 70), 1),
        Case("gzip", 415, gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"}),
        Case("over the public limit", 413, plausible(p={"x": "y" * 70_000})),
        Case("GPC", 202, plausible(), headers={"Sec-GPC": "1"}),
        Case("bad key", 401, plausible(), headers={"Authorization": "Bearer wr_x"}),
        Case("GET", 405, method="GET"),
    ]
    return [at("/api/event", case) for case in sent]


LONG_AGO = (-1, -5, "0001-01-01T00:00:00Z")
REVENUES: list[Any] = [
    5,
    [],
    {"amount": "NaN", "currency": "USD"},
    {"amount": "1e9999", "currency": "USD"},
    {"amount": "9" * 50, "currency": "USD"},
    {"amount": [], "currency": "USD"},
    {"amount": 1, "currency": "usd"},
    {"amount": 1, "currency": "EURO"},
    {"amount": True, "currency": "USD"},
    {"currency": "USD"},
]


def segment_cases() -> list[Case]:
    times = (
        "",
        "now",
        5e300,
        -1,
        [],
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59+00:00",
        "1" * 99,
    )
    bodies: list[Any] = [5, [], "x", {"batch": 5}, {"batch": {}}, {"batch": []}, {"batch": "x"}]
    return [
        *(keyed("/v1/batch", f"body {body[:9]!r}", 400, body) for body in NO_OBJECTS),
        *(keyed("/v1/batch", f"body {body!r}", 400, body) for body in bodies),
        *(
            keyed("/v1/batch", f"message {m!r}", 200, batch(m))
            for m in (None, 5, "x", [], {}, {"type": []}, {"type": "x"})
        ),
        *(
            keyed("/v1/batch", f"timestamp {t!r}", 200, batch(track(timestamp=t)), int(t not in LONG_AGO))
            for t in times
        ),
        *(keyed("/v1/batch", f"sentAt {t!r}", 200, batch(track(timestamp="2026-03-11"), sentAt=t), 1) for t in times),
        *(keyed("/v1/batch", f"event {e!r}", 200, batch(track(event=e))) for e in (None, "", 5, [], {})),
        *(keyed("/v1/batch", f"event {t[:12]!r}", 200, batch(track(event="e" + t)), 1) for t in HOSTILE_TEXTS),
        *(keyed("/v1/batch", f"userId {u!r:.20}", 200, batch(track(userId=u)), 1) for u in (None, 5, [], "u" * 9999)),
        *(keyed("/v1/batch", f"properties {p!r}", 200, batch(track(properties=p)), 1) for p in (None, 5, [], "x")),
        *(keyed("/v1/batch", f"context {c!r}", 200, batch(track(context=c)), 1) for c in (5, [], {"page": 5})),
        keyed("/v1/batch", "NUL", 200, '{"batch":[{"type":"track","event":"\\u0000"}]}'),
        keyed("/v1/batch", "lone surrogate", 200, '{"batch":[{"type":"track","event":"\\ud800"}]}', 1),
        keyed("/v1/batch", "depth", 200, '{"batch":' + "[" * 40 + "]" * 40 + "}"),
        keyed("/v1/batch", "2501 messages", 413, batch(*[{}] * 2501)),
        keyed("/v1/batch", "too large", 413, batch(track(properties={"x": "y" * 1_000_000}))),
        keyed("/v1/batch", "the same id twice", 200, batch(track(messageId="m"), track(messageId="m")), 1),
        Case("no gzip", 400, b"plain", path="/v1/batch", headers=ZIPPED),
        Case("cut gzip", 400, gzip.compress(b"{}")[:-3], path="/v1/batch", headers=ZIPPED),
        Case("bomb", 413, gzip.compress(b"[" + b" " * 20_000_000), path="/v1/batch", headers=ZIPPED),
        Case("bomb in a bomb", 400, gzip.compress(gzip.compress(b"0" * 10**6)), path="/v1/batch", headers=ZIPPED),
        Case("brotli", 415, b"x", path="/v1/batch", headers={**WITH_KEY, "Content-Encoding": "br"}),
        Case(
            "form",
            415,
            b"a=b",
            path="/v1/batch",
            headers={**WITH_KEY, "Content-Type": "application/x-www-form-urlencoded"},
        ),
        *(
            Case(f"key {key!r}", 401, batch(track()), path="/v1/batch", headers={"Authorization": key})
            for key in ("", "Basic", "Basic !!!", "Basic dXNlcjpwdw==", "Basic /////w==", "Bearer", "Digest x")
        ),
        *(
            Case(f"writeKey {key!r}", 401, batch(track(), writeKey=key), path="/v1/batch")
            for key in (None, 5, "", [], "x")
        ),
        *(keyed(f"/v1/{kind}", kind, 200, {"userId": "u"}) for kind in ("identify", "group", "alias", "track", "page")),
        keyed("/v1/screen", "screen", 200, {"userId": "u"}, 1),
        keyed("/v1/delete", "no such type", 404, {"userId": "u"}),
    ]


def posthog_cases() -> list[Case]:
    values: list[Any] = [None, 5, [], "x", {"$feature_flag": [], "$current_url": 5}]
    return [
        *(Case(f"body {body[:9]!r}", 401, body) for body in NO_OBJECTS),
        *(Case(f"body {body[:9]!r}, with a key", 400, body, headers=WITH_KEY) for body in NO_OBJECTS if body != b"{}"),
        *(Case(f"api_key {key!r}", 401, capture(api_key=key)) for key in (None, 5, [], "phc_x", "wr_x")),
        *(Case(f"event {e!r}", 200, capture(event=e)) for e in (None, 5, [], "")),
        *(Case(f"properties {p!r}", 200, capture(properties=p), 1) for p in values),
        *(Case(f"flag {p!r}", 200, capture(event="$feature_flag_called", properties=p)) for p in values),
        *(Case(f"batch {b!r}", 400, {"api_key": KEY, "batch": b}) for b in (None, 5, {}, [], "x")),
        *(Case(f"event in batch {b!r}", 200, {"api_key": KEY, "batch": [b]}) for b in (None, 5, {}, [])),
        *(
            Case(f"duration {d!r}", 200, capture(event="$pageleave", properties={"$prev_pageview_duration": d}), 1)
            for d in (-1, 1e300, "x", [])
        ),
        Case("2501 events", 413, {"api_key": KEY, "batch": [{}] * 2501}),
        Case("bomb", 413, gzip.compress(b"[" + b" " * 20_000_000), headers={"Content-Encoding": "gzip"}),
    ]


def openpanel_cases() -> list[Case]:
    bodies: list[Any] = [
        {"type": "track", "payload": None},
        {"type": "track", "payload": []},
        {"type": "track", "payload": {}},
        {"type": "track", "payload": {"name": ""}},
        {"type": "alias", "payload": {}},
        {"type": [], "payload": {}},
        {"type": None, "payload": {}},
        {"type": "replay", "payload": {}},
    ]
    header = {"openpanel-client-id": "docs"}
    return [
        *(Case(f"body {body[:9]!r}", 400, body, headers=header) for body in NO_OBJECTS),
        *(Case(f"envelope {body!r}", 400, body, headers=header) for body in bodies),
        *(
            Case(f"revenue {r!r}", 202, panel(__revenue=r), 1, headers=header)
            for r in (None, "x", 1.5, 10**15, [], True)
        ),
        *(
            Case(f"time {t!r}", 202, panel(__timestamp=t), int(t not in LONG_AGO), headers=header)
            for t in (None, "x", -5, [], "2099-01-01")
        ),
        *(Case(f"text {t[:12]!r}", 202, panel(x=t), 1, headers=header) for t in HOSTILE_TEXTS),
        Case("our own event", 400, {"site": "docs", "events": []}, headers=header),
        Case("no such client", 202, panel(), headers={"openpanel-client-id": "nowhere"}),
        Case("no client at all", 202, panel()),
        Case("bad secret", 401, panel(), headers={**header, "openpanel-client-secret": "x"}),
        Case(
            "another site's name with a secret",
            202,
            panel(),
            1,
            headers={"openpanel-client-id": "blog", "openpanel-client-secret": KEY},
        ),
        Case("gzip", 415, gzip.compress(json.dumps(panel()).encode()), headers={**header, "Content-Encoding": "gzip"}),
    ]


def umami_cases() -> list[Case]:
    sent = [
        *(Case(f"body {body[:9]!r}", 400, body) for body in NO_OBJECTS),
        *(Case(f"type {kind!r}", 400, {**umami(), "type": kind}) for kind in (None, 5, [], "", "collect")),
        *(Case(f"payload {p!r}", 400, {"type": "event", "payload": p}) for p in (None, 5, [], {}, {"website": 5})),
        *(Case(f"website {w!r}", 200, umami(website=w)) for w in ("nowhere", "../docs", "DOCS/", "' OR 1=1")),
        *(Case(f"url {p!r}", 200, umami(url=p), 1) for p in HOSTILE_PAGES),
        *(Case(f"data {d!r}", 200, umami(name="e", data=d), 1) for d in (None, 5, [], "x", {"a": {}})),
        Case("address and agent in the body are not believed", 200, umami(ip="1.2.3.4", userAgent="Googlebot"), 1),
        Case("over the public limit", 413, umami(title="t" * 70_000)),
        Case(
            "vitals of no number", 200, {"type": "performance", "payload": {"website": "docs", "lcp": "x", "cls": -1}}
        ),
    ]
    many = [
        *(Case(f"batch {b!r}", 400, b) for b in (5, {}, [], [5], [{}, {"type": "event"}])),
        Case("a good one beside bad ones", 200, [umami(), {}, 5], 1),
        Case("101 in a batch", 413, [umami()] * 101),
        Case("two in a batch", 200, [umami(), umami()], 2),
    ]
    return [*(at("/api/send", case) for case in sent), *(at("/api/batch", case) for case in many)]


def alert_cases() -> list[Case]:
    wrong: list[Any] = [
        None,
        5,
        {},
        alert(labels=None),
        alert(labels={}),
        alert(labels={"": "c"}),
        alert(labels={"a": 5}),
        alert(labels={f"l{n}": "x" for n in range(41)}),
        alert(annotations=[]),
        alert(annotations={"a": None}),
        alert(startsAt="now"),
        alert(endsAt=5),
    ]
    return [
        *(keyed("/api/v2/alerts", f"body {body!r}", 400, body) for body in (b"", b"{}", b"null", b"{", b'"x"')),
        *(keyed("/api/v2/alerts", f"alert {a!r}", 400, [a]) for a in wrong),
        *(
            keyed("/api/v2/alerts", f"text {t[:12]!r}", 200, [alert(labels={"alertname": "n" + t})], 1)
            for t in HOSTILE_TEXTS
        ),
        *(
            keyed("/api/v2/alerts", f"link {p!r}", 200, [alert(labels={"l": p}, generatorURL=p)], 1)
            for p in HOSTILE_PAGES
        ),
        keyed("/api/v2/alerts", "a name of Prometheus 3", 200, [alert(labels={"service.name": "docs"})], 1),
        keyed("/api/v2/alerts", "a good one beside a bad one", 400, [alert(labels={"good": "1"}), {}], 1),
        keyed("/api/v2/alerts", "501 alerts", 413, [alert()] * 501),
        keyed("/api/v2/alerts", "none", 200, []),
        *(
            keyed("/api/v1/alertmanager", f"body {body!r:.60}", 400, body)
            for body in ([], 5, webhook(version="3"), {"version": "4"})
        ),
        *(keyed("/api/v1/alertmanager", f"alert {a!r}", 400, webhook(a)) for a in (*wrong, alert(), told(status="x"))),
        keyed("/api/v1/alertmanager", "good", 200, webhook(told(), told(), notification_reason="new"), 1),
        keyed("/api/v1/alertmanager", "odd fingerprint", 200, webhook(told(fingerprint="../x", labels={"z": "1"})), 1),
        Case("no key", 401, [alert()], path="/api/v2/alerts"),
        Case("bad key", 401, [alert()], path="/api/v2/alerts", headers={"Authorization": "Bearer wr_x"}),
        Case("no key for the status", 401, path="/api/v2/status", method="GET"),
        Case("no key for the webhook", 401, webhook(told()), path="/api/v1/alertmanager"),
    ]


def keyed(path: str, name: str, status: int, body: Any, stored: int = 0) -> Case:
    return Case(f"{path} {name}", status, body, stored, path=path, headers=WITH_KEY)


def at(path: str, case: Case) -> Case:
    return Case(f"{path} {case.name}", case.status, case.body, case.stored, case.method, path, case.headers)


def at_capture() -> list[Case]:
    return [at("/batch/", case) for case in posthog_cases()]


PROTOCOL_GROUPS: dict[str, Callable[[], list[Case]]] = {
    "plausible": plausible_cases,
    "segment": segment_cases,
    "posthog": at_capture,
    "openpanel": openpanel_cases,
    "umami": umami_cases,
    "alerts": alert_cases,
}
