"""What strangers may send and what they must hear: bodies, fields, texts, headers, methods and paths."""

import gzip
import json
from typing import Any

from tests.api.hostile_case import BODY_LIMIT, HOSTILE_PAGES, HOSTILE_TEXTS, Case
from tests.api.hostile_feedback import FEEDBACK_GROUPS
from tests.api.running_api import make_event


def batch(*events: Any, **fields: Any) -> dict[str, Any]:
    return {"site": "docs", "events": list(events), **fields}


def written(text: str, **fields: Any) -> str:
    """A good event as JSON text in which `"HERE"` is replaced by raw text."""
    return json.dumps(batch(make_event(title="HERE", **fields))).replace('"HERE"', text)


def with_props(text: str) -> str:
    return json.dumps(batch(make_event(props={"p": "HERE"}))).replace('"HERE"', text)


GOOD = json.dumps(batch(make_event())).encode()


def json_cases() -> list[Case]:
    """Bodies that are not JSON, not ours, or JSON at its edges."""
    cut = json.dumps(batch(make_event()))
    return [
        *(
            Case(f"body {body!r}", 400, body)
            for body in (b"", b"   ", b"null", b"true", b"123", b'"text"', b"[]", b"{}")
        ),
        Case("cut off", 400, cut[:-1]),
        Case("trailing garbage", 400, cut + "x"),
        Case("two documents", 400, cut + cut),
        Case("trailing comma", 400, cut[:-1] + ",}"),
        Case("comment", 400, "/* hi */" + cut),
        Case("single quotes", 400, cut.replace('"', "'")),
        Case("NaN", 202, with_props("NaN"), stored=1),
        Case("Infinity", 202, with_props("Infinity"), stored=1),
        Case("minus Infinity", 202, with_props("-Infinity"), stored=1),
        Case("number beyond float", 202, with_props("1e400"), stored=1),
        Case("number below float", 202, with_props("1e-400"), stored=1),
        Case("2^63", 202, with_props(str(2**63)), stored=1),
        Case("2^63 - 1", 202, with_props(str(2**63 - 1)), stored=1),
        Case("integer of 5000 digits", 400, with_props("9" * 5000)),
        Case("float of 5000 digits", 202, with_props("0." + "9" * 5000), stored=1),
        Case("leading zero", 400, with_props("007")),
        Case("hexadecimal", 400, with_props("0x10")),
        Case("byte 0xff", 400, cut.replace("/start", "/st\u00ffrt").encode("latin-1")),
        Case("overlong slash", 400, cut.encode().replace(b"/start", b"\xc0\xafstart")),
        Case("surrogate in bytes", 400, cut.encode().replace(b"/start", b"\xed\xa0\x80start")),
        Case("UTF-16", 400, cut.encode("utf-16")),
        Case("UTF-32", 400, cut.encode("utf-32")),
        Case("byte order mark", 202, b"\xef\xbb\xbf" + json.dumps(batch(make_event())).encode(), stored=1),
        Case("lone surrogate", 202, written(r'"\ud800"'), stored=1),
        Case("reversed surrogates", 202, written(r'"\udc00\ud800"'), stored=1),
        Case("surrogate pair", 202, written(r'"\ud83d\ude00"'), stored=1),
        Case("lone surrogate in a key", 202, written('"x"')[:-1] + r',"\ud800":1}', stored=1),
        Case("NUL", 202, written(r'"a\u0000b"'), stored=1),
        Case("raw newline in a text", 400, written('"a\nb"')),
        Case("bad escape", 400, written(r'"\q"')),
        Case("key given twice: the last counts", 202, '{"site":"none",' + cut[1:], stored=1),
        Case("depth 17", 400, with_props("[" * 14 + "]" * 14)),
        Case("depth 15000", 400, "[" * 15000 + "]" * 15000),
        Case("depth 30000, never closed", 400, '{"a":' * 10000),
        Case("brackets in a text are no depth", 202, written('"' + "[{" * 200 + '"'), stored=1),
        Case("only closing brackets", 400, "]" * 1000),
        Case("escaped quotes, never closed", 400, '"' + '\\"' * 32000),
        Case("backslashes, never closed", 400, '"' + "\\\\" * 32000),
        Case("many quotes", 400, '"' * 65001),
        Case("unknown fields are dropped", 202, batch(make_event(future=1), more={"x": []}), stored=1),
    ]


def size_cases() -> list[Case]:
    """Too much of everything, and the last that is not too much."""
    full = json.dumps(batch(make_event()))
    event = make_event
    return [
        Case("exactly the limit", 202, full + " " * (BODY_LIMIT - len(full)), stored=1),
        Case("one byte above the limit", 413, full + " " * (BODY_LIMIT + 1 - len(full))),
        Case("a megabyte", 413, b"x" * 1_000_000),
        Case("no event", 400, batch()),
        Case("100 events", 202, batch(*(event() for _ in range(100))), stored=100),
        Case("101 events", 400, batch(*(event() for _ in range(101)))),
        Case("10000 empty events", 400, batch(*({} for _ in range(10000)))),
        Case("30 properties", 202, batch(event(props={f"p{n}": n for n in range(30)})), stored=1),
        Case("31 properties", 400, batch(event(props={f"p{n}": n for n in range(31)}))),
        Case("long property key", 400, batch(event(props={"k" * 121: 1}))),
        Case("property value of 2000", 202, batch(event(props={"k": "v" * 2000})), stored=1),
        Case("long property value", 400, batch(event(props={"k": "v" * 2001}))),
        Case("name of 120", 202, batch(event("n" * 120)), stored=1),
        Case("name of 121", 400, batch(event("n" * 121))),
        Case("page of 1500 is cut", 202, batch(event(page="/" + "p" * 1500)), stored=1),
        Case("page of 20000", 400, batch(event(page="/" + "p" * 20000))),
        Case("title of 20000", 400, batch(event(title="t" * 20000))),
        Case("site of 5000", 400, {"site": "s" * 5000, "events": [event()]}),
        Case("view of 65", 400, batch(event(view="v" * 65))),
        Case("person of 65", 400, batch(event(), person="p" * 65)),
        Case("zone of 65", 400, batch(event(), zone="z" * 65)),
        Case("language of 36", 400, batch(event(), language="l" * 36)),
    ]


def type_cases() -> list[Case]:
    """Wrong types and values in every field."""
    wrong: dict[str, list[Any]] = {
        "id": [
            None,
            12345678,
            "short12",
            "x" * 65,
            "has space",
            "ümläut-id",
            "'; DROP TABLE event; --",
            "abcdefgh\n",
            [],
        ],
        "name": [None, "", 5, {}, "a\nb", "a\x1bb"],
        "at": ["now", 1.5, True, -1, 2**53 + 1, []],
        "view": ["", 5],
        "page": [None, 5, ["/"]],
        "marked": ["yes", 1, {}],
        "engaged_ms": [-1, 1.5, "5", 86_400_001],
        "scroll_percent": [-1, 101, "50"],
        "step": [0, 1001, "1"],
        "value_cents": ["5", 10**13, 0.5],
        "currency": ["eur", "EURO", "EUR\n", 978],
        "props": [[], "x", {"a": []}, {"a": {"b": 1}}],
    }
    cases = [
        Case(f"{name} = {value!r}", 400, batch({**make_event(), name: value}))
        for name, values in wrong.items()
        for value in values
    ]
    return [
        *cases,
        *(Case(f"event {event!r}", 400, batch(event)) for event in (None, 5, "x", [], {})),
        *(Case(f"events {events!r}", 400, {"site": "docs", "events": events}) for events in (None, {}, "x", 1)),
        *(Case(f"site {site!r}", 400, {"site": site, "events": [make_event()]}) for site in (None, 5, "", ["docs"])),
        *(
            Case(f"unknown site {site!r}", 202, {"site": site, "events": [make_event()]}, drop="unknown_site")
            for site in ("nowhere", "DOCS", "docs ", "docs\n", "__proto__", "demo", "../docs")
        ),
        *(
            Case(f"person {person!r}", 400, batch(make_event(), person=person))
            for person in (5, "", "a/b/c/d/e", "short")
        ),
        Case("zone nobody knows", 202, batch(make_event(), person="person-0001", zone="Mars/Olympus"), stored=1),
        Case("zone as a path", 202, batch(make_event(), person="person-0002", zone="../../etc/passwd"), stored=1),
        Case("a step beyond the last", 400, batch(make_event("sequence_step", sequence="s", step=4, steps=3))),
        Case("an exposure without variant", 400, batch(make_event("exposure", experiment="e"))),
        Case("one good, one bad", 202, batch(make_event(), {"id": 5}), stored=1, drop="invalid"),
        Case("the same id twice", 202, batch(*[make_event()] * 2), stored=1),
        Case("a flat event", 202, {"site": "docs", **make_event()}, stored=1),
        Case("year 1970", 202, batch(make_event(at=0)), stored=1),
        Case("year 287396", 202, batch(make_event(at=2**53)), stored=1),
    ]


def text_cases() -> list[Case]:
    """Untrusted text is data: taken, cleaned, and harmless in every column."""
    cases = []
    for text in HOSTILE_TEXTS:
        event = make_event(title=text, target=text, props={"text": text})
        cases.append(Case(f"text {text[:20]!r}", 202, batch(event), stored=1))
    cases += [Case(f"page {page!r}", 202, batch(make_event(page=page)), stored=1) for page in HOSTILE_PAGES]
    cases += [
        Case(f"referrer {page!r}", 202, batch(make_event(referrer=page)), stored=1)
        for page in (*HOSTILE_PAGES, "https://[bad", "a b", "<b>.example")
    ]
    cases.append(
        Case("text as property key", 202, batch(make_event(props={t[:60]: 1 for t in HOSTILE_TEXTS})), stored=1)
    )
    return cases


GPC = {"Sec-GPC": "1"}
FORWARDED = ("Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Forwarded-Host")
STRANGE_ORIGINS = (
    "https://docs.example.evil.example",
    "https://docs.example@evil.example",
    "file://",
    "chrome-extension://abc",
    "https://[::1",
    "x" * 3000,
)


def header_cases() -> list[Case]:
    """Labels that lie, keys that open nothing, wishes that count."""
    body = lambda: batch(make_event())  # noqa: E731
    kinds = ("multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/xml", "image/png")
    charsets = ("utf-16", "klingon", '""', "utf-7")
    keys = (
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic dXNlcjpwdw==",
        "Bearer wr_aaaaaaaa_" + "b" * 43,
        "Bearer \u00e9",
    )
    return [
        *(
            Case(f"encoding {name}", 415, GOOD, headers={"Content-Encoding": name})
            for name in ("br", "deflate", "zstd")
        ),
        Case("gzip", 415, gzip.compress(GOOD), headers={"Content-Encoding": "gzip"}),
        Case("gzip bomb", 415, gzip.compress(b"0" * 10_000_000), headers={"Content-Encoding": "gzip"}),
        Case("wrongly labelled gzip", 415, GOOD, headers={"Content-Encoding": "gzip, identity"}),
        *(Case(f"type {kind}", 415, GOOD, headers={"Content-Type": kind}) for kind in kinds),
        *(
            Case(f"charset {name}", 415, GOOD, headers={"Content-Type": f"text/plain; charset={name}"})
            for name in charsets
        ),
        Case("beacon", 202, body(), 1, headers={"Content-Type": "text/plain;charset=UTF-8"}),
        *(Case(f"key {key[:12]!r}", 401, GOOD, headers={"Authorization": key}) for key in keys),
        Case("GPC", 202, body(), headers={"Sec-GPC": "1"}, drop="gpc"),
        Case("DNT", 202, body(), headers={"DNT": "1"}, drop="dnt"),
        Case("GPC and DNT", 202, body(), headers={"Sec-GPC": "1", "DNT": "1"}, drop="gpc"),
        Case("GPC with a consented id", 202, batch(make_event(), person="person-0003"), 0, headers=GPC, drop="gpc"),
        Case("GPC in words", 202, body(), 1, headers={"Sec-GPC": "yes"}),
        Case("DNT 0", 202, body(), 1, headers={"DNT": "0"}),
        *(
            Case(f"agent {agent!r}", 202, body(), headers={"User-Agent": agent}, drop="bot")
            for agent in ("", "Googlebot/2.1 (+http://www.google.com/bot.html)", "Mozilla/5.0")
        ),
        Case("agent of 8000", 202, body(), 1, headers={"User-Agent": "Mozilla/5.0 (X11) " + "x" * 8000}),
        Case("header of 20000", 400, body(), headers={"X-Long": "x" * 20000}),
        Case("forwarded from everywhere", 202, body(), 1, headers={"X-Forwarded-For": "1.2.3.4, evil, ::1, " * 50}),
        Case("a cookie nobody set", 202, body(), 1, headers={"Cookie": "warroom=" + "x" * 4000 + "; =; a"}),
        Case("origin null", 202, body(), 1, headers={"Origin": "null"}),
        Case(
            "origin elsewhere",
            202,
            body(),
            1,
            headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        ),
        *(
            Case(f"forwarded by {name}", 202, body(), 1, headers={name: "for=1.2.3.4;proto=https, evil"})
            for name in FORWARDED
        ),
        *(Case(f"origin {origin[:30]}", 202, body(), 1, headers={"Origin": origin}) for origin in STRANGE_ORIGINS),
        Case("a referrer with secrets", 202, body(), 1, headers={"Referer": "https://u:p@docs.example/?token=1#x"}),
        Case("languages without end", 202, body(), 1, headers={"Accept-Language": "en;q=0.1," * 500}),
        Case("a range", 202, body(), 1, headers={"Range": "bytes=0-" + "9" * 30}),
        Case("if modified in the year 99999", 202, body(), 1, headers={"If-Modified-Since": "Mon, 99 Foo 99999"}),
        Case("an answer as XML only", 202, body(), 1, headers={"Accept": "application/xml;q=x"}),
        Case("unknown expectation", 417, body(), headers={"Expect": "a miracle"}),
        Case("method override", 202, body(), 1, headers={"X-HTTP-Method-Override": "DELETE"}),
    ]


def address_cases() -> list[Case]:
    """Methods and paths that lead nowhere."""
    return [
        *(Case(f"{m} /track", 405, GOOD, method=m) for m in ("GET", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")),
        Case("HEAD /track", 405, method="HEAD"),
        Case("preflight", 204, method="OPTIONS"),
        Case("query on /track", 202, batch(make_event()), 1, path="/track?token=1&%ff"),
        Case("the other name", 202, batch(make_event()), 1, path="/api/track"),
        *(
            Case(path, 404, GOOD, path=path)
            for path in (
                "/track/",
                "/TRACK",
                "/track/x",
                "/nothing",
                "/.env",
                "/wp-login.php",
                "/api/track/",
                "/" + "a" * 5000,
            )
        ),
        *(
            Case(path, 404, method="GET", path=path)
            for path in (
                "/static/nothing.js",
                "/static/..%2f..%2fapp.py",
                "/static/%2e%2e%2f%2e%2e%2fapp.py",
                "/static/%00",
                "/static/..%5capp.py",
                "/static/",
                "/%2e%2e/%2e%2e/etc/passwd",
                "/static/" + "a" * 3000,
                "/static/%ff%fe",
                "/no?x=" + "a" * 3000,
            )
        ),
        *(Case(f"POST {path}", 405, GOOD, path=path) for path in ("/healthz", "/readyz", "/metrics", "/openapi.json")),
    ]


GROUPS = {
    "json": json_cases,
    "sizes": size_cases,
    "types": type_cases,
    "texts": text_cases,
    "headers": header_cases,
    "addresses": address_cases,
    **FEEDBACK_GROUPS,
}
