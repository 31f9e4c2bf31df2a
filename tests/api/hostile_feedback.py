"""What strangers may send to `/feedback`, as JSON and as a form, and what they must hear."""

import gzip
import json
from typing import Any
from urllib.parse import quote, urlencode

from shared.identifiers import random_uuid
from tests.api.hostile_case import BODY_LIMIT, HOSTILE_PAGES, HOSTILE_TEXTS, Case

PATH = "/feedback"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def make_words(**fields: Any) -> dict[str, Any]:
    """A good feedback with a fresh id."""
    return {"site": "docs", "id": random_uuid(), "text": f"The search is slow {random_uuid()}", **fields}


def case(name: str, status: int, body: Any, stored: int | None = None, **more: Any) -> Case:
    """201 and 303 leave one row unless said otherwise."""
    kept = int(status in (201, 303)) if stored is None else stored
    return Case(f"feedback {name}", status, body, kept, path=PATH, **more)


def form(name: str, status: int, body: Any, stored: int | None = None) -> Case:
    sent = urlencode(body) if isinstance(body, dict) else body
    return case(f"form {name}", status, sent, stored, headers=FORM)


def feedback_json_cases() -> list[Case]:
    good = json.dumps(make_words())
    titled = json.dumps(make_words(text="HERE"))
    return [
        *(case(f"body {body!r}", 400, body) for body in (b"", b"null", b"true", b"123", b'"x"', b"[]", b"{}", b"[{}]")),
        case("cut off", 400, good[:-1]),
        case("NaN", 400, titled.replace('"HERE"', '"x","score":NaN')),
        case("score beyond float", 400, titled.replace('"HERE"', '"x","score":1e400')),
        case("score of 5000 digits", 400, titled.replace('"HERE"', '"x","score":' + "9" * 5000)),
        case("key given twice", 400, titled.replace('"HERE"', '"a","text":"b"')),
        case("bytes that are no UTF-8", 400, titled.encode().replace(b"HERE", b"\xff\xfe")),
        case("UTF-16", 400, good.encode("utf-16")),
        case("lone surrogate", 400, titled.replace("HERE", r"\ud800")),
        case("NUL", 400, titled.replace("HERE", r"\u0000")),
        case("depth 17", 400, titled.replace('"HERE"', '"x","more":' + "[" * 16 + "]" * 16)),
        case("depth 15000", 400, "[" * 15000),
        case("escaped quotes, never closed", 400, '"' + '\\"' * 32000),
        case("exactly the limit", 201, good + " " * (BODY_LIMIT - len(good))),
        case("above the limit", 413, good + " " * BODY_LIMIT),
        case("text of 60000", 400, make_words(text="x" * 60000)),
    ]


def feedback_field_cases() -> list[Case]:
    wrong: dict[str, list[Any]] = {
        "site": [None, 5, "", "s" * 33],
        "id": [5, "short", "x" * 65],
        "text": [5, [], {}, "x" * 5001],
        "score": ["5", True, 3.5, 0, 6, -1, 10**18, [5]],
        "category": ["sex", 5, ""],
        "survey": ["", "s" * 65, 5],
        "page": [5, "/" + "p" * 4001],
        "plan": [5, "p" * 101],
        "contact": [5, "c" * 201],
        "person": ["has space", "short", "p" * 65, 5],
        "language": ["not a language", "e", 5],
        "zone": ["z" * 65, 5],
    }
    owned = {"status": "closed", "sentiment": "positive", "person_id": "p", "received_at": 0, "source": "discord"}
    return [
        *(
            case(f"{name} = {str(value)[:30]!r}", 400, make_words(**{name: value}))
            for name, values in wrong.items()
            for value in values
        ),
        case("nothing said", 400, {"site": "docs", "id": random_uuid()}),
        case("only spaces", 400, make_words(text="  \n\t ")),
        case("scale without score", 400, make_words(scale="1-5")),
        case("scale nobody has", 400, make_words(score=50, scale="1-100")),
        case("score outside its scale", 400, make_words(score=5, scale="0-1")),
        case("score alone", 201, make_words(text=None, score=5)),
        case("unknown site", 202, make_words(site="nowhere")),
        case("fields that are ours", 201, make_words(**owned)),
        case("zone nobody knows", 201, make_words(person="person-00001", zone="Mars/Olympus")),
        case("zone as a path", 201, make_words(person="person-00002", zone="../../../etc/passwd")),
        case("a prompt of nobody", 201, make_words(prompt="nothing-like-it")),
    ]


def feedback_text_cases() -> list[Case]:
    floods = (
        "\U0001f600" * 5000,
        "!" * 5000,
        "very " * 1000,
        "not good " * 500,
        "a" * 5000,
        "\u0301" * 5000,
        "?!" * 2500,
    )
    return [
        *(case(f"text {text[:20]!r}", 201, make_words(text=f"{text} {random_uuid()}")) for text in HOSTILE_TEXTS),
        *(case(f"flood of {text[:5]!r}", 201, make_words(text=text)) for text in floods),
        *(case(f"page {page!r}", 201, make_words(page=page)) for page in HOSTILE_PAGES),
        *(
            case(f"plan {text[:20]!r}", 201, make_words(plan=text[:60], segment=text[:60]))
            for text in HOSTILE_TEXTS[:6]
        ),
    ]


def feedback_header_cases() -> list[Case]:
    kinds = ("multipart/form-data; boundary=x", "application/xml", "text/plain; charset=utf-16")
    good = json.dumps(make_words())
    return [
        *(case(f"type {kind}", 415, good, headers={"Content-Type": kind}) for kind in kinds),
        case("gzip", 415, gzip.compress(good.encode()), headers={"Content-Encoding": "gzip"}),
        case("beacon", 201, make_words(), headers={"Content-Type": "text/plain"}),
        case("key of nobody", 401, good, headers={"Authorization": "Bearer wr_aaaaaaaa_" + "b" * 43}),
        case("origin elsewhere", 403, good, headers={"Origin": "https://evil.example"}),
        case("origin by another scheme", 403, good, headers={"Origin": "http://docs.example"}),
        case("origin with a tail", 403, good, headers={"Origin": "https://docs.example.evil.example"}),
        case("crawler", 202, make_words(), headers={"User-Agent": "Googlebot/2.1"}),
        case("opted out is heard all the same", 201, make_words(), headers={"Sec-GPC": "1"}),
        case("by GET", 405, None, method="GET"),
        case("by PUT", 405, good, method="PUT"),
    ]


def feedback_form_cases() -> list[Case]:
    said = {"site": "docs", "text": "The search is slow"}
    return [
        form("good", 303, {**said, "text": f"slow {random_uuid()}"}),
        form("empty", 400, ""),
        form("nothing said", 400, {"site": "docs", "text": "  "}),
        form("score in words", 400, {**said, "score": "five"}),
        form("score NaN", 400, {**said, "score": "nan"}),
        form("score infinite", 400, {**said, "score": "inf"}),
        form("score 1e400", 400, {**said, "score": "1e400"}),
        form("unknown site", 303, {**said, "site": "nowhere"}, 0),
        form("bytes that are no UTF-8", 400, "site=docs&text=%ff%fe"),
        form("raw bytes that are no UTF-8", 400, b"site=docs&text=\xff\xfe"),
        form("NUL", 400, "site=docs&text=a%00b"),
        form("bad escape", 303, f"site=docs&text=100%zz {random_uuid()}"),
        form("61 fields", 400, "&".join(f"f{n}=1" for n in range(61))),
        form("10000 fields", 400, "&".join("a=1" for _ in range(10000))),
        form("field given twice: the last counts", 303, f"site=nowhere&site=docs&text={random_uuid()}"),
        form("JSON in a form", 400, json.dumps(said)),
        form("page that leads away", 303, {**said, "text": f"slow {random_uuid()}", "page": "//evil.example/x"}),
        form("page with a header", 303, f"site=docs&text={random_uuid()}&page=" + quote("/x\r\nSet-Cookie: a=b")),
        form("markup", 400, {"site": "docs", "text": "<script>alert(1)</script>", "score": "<b>"}),
        form("above the limit", 413, {**said, "text": "x" * BODY_LIMIT}),
    ]


FEEDBACK_GROUPS = {
    "feedback-json": feedback_json_cases,
    "feedback-fields": feedback_field_cases,
    "feedback-texts": feedback_text_cases,
    "feedback-headers": feedback_header_cases,
    "feedback-forms": feedback_form_cases,
}
