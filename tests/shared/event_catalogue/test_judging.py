"""Events judged by the catalogue, and the declaration of one that is not in it."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shared.config import EventSettings, load_settings
from shared.errors import ConfigurationError
from shared.event_catalogue import (
    CATALOGUE,
    DECLARED,
    UNDECLARED,
    Catalogue,
    EventDefinition,
    Judgement,
    Property,
    declare,
    type_of,
)

CONTRACT = {  # event: (field of the wire or property) that the script sends
    "page_view": "kind",
    "click": "element x y width",
    "outbound_click": "target",
    "file_download": "target",
    "code_copy": "element",
    "site_search": "term",
    "web_vital": "metric value element",
    "script_error": "message source line count",
    "engagement": "engaged_ms scroll_percent",
    "sequence_step": "sequence step steps done",
    "exposure": "experiment variant",
    "conversion": "goal value_cents currency",
}
PRICES = EventDefinition(
    "pricing_opened",
    "The price list was opened.",
    properties=(
        Property("plan", "choice", "which", required=True, choices=("free", "team")),
        Property("seats", "integer", "how many"),
        Property("note", "text", "what was typed", sensitivity="free text"),
        Property("price", "number", "euros"),
        Property("trial", "boolean", "whether"),
    ),
    owner="sales",
)


@dataclass(frozen=True)
class Sent:
    name: str
    props: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue([PRICES])


@pytest.mark.parametrize("name", CONTRACT)
def test_what_the_script_sends_is_declared(name: str) -> None:
    event = CATALOGUE[name]
    known = {*event.fields, *(found.name for found in event.properties)}
    assert set(CONTRACT[name].split()) <= known
    assert len(CATALOGUE) == len(CONTRACT)


def test_what_a_person_or_a_page_may_have_put_into_words_is_free_text() -> None:
    free = {(e.name, p.name) for e in CATALOGUE.values() for p in e.properties if p.sensitivity == "free text"}
    assert free == {("site_search", "term"), ("script_error", "message"), ("script_error", "source")}


@pytest.mark.parametrize(
    "props",
    [
        {"plan": "team"},
        {"plan": "free", "seats": 3, "note": "hello", "price": 1, "trial": True},
        {"plan": "free", "price": 1.5, "seats": None},
        {"plan": "free", "of_our_own": "more"},
    ],
)
def test_an_event_as_declared_is_declared(catalogue: Catalogue, props: dict[str, Any]) -> None:
    assert catalogue.judge(Sent("pricing_opened", props)) is DECLARED


@pytest.mark.parametrize(
    ("props", "field", "problem"),
    [
        ({}, "props.plan", "a pricing_opened event needs it"),
        ({"plan": None}, "props.plan", "a pricing_opened event needs it"),
        ({"plan": "gold"}, "props.plan", "must be one of free, team"),
        ({"plan": "free", "seats": True}, "props.seats", "must be a whole number"),
        ({"plan": "free", "seats": 1.5}, "props.seats", "must be a whole number"),
        ({"plan": "free", "note": 5}, "props.note", "must be a text"),
        ({"plan": "free", "price": "5"}, "props.price", "must be a number"),
        ({"plan": "free", "price": True}, "props.price", "must be a number"),
        ({"plan": "free", "trial": 1}, "props.trial", "must be true or false"),
    ],
)
def test_an_event_that_is_not_as_declared_is_invalid(
    catalogue: Catalogue, props: dict[str, Any], field: str, problem: str
) -> None:
    assert catalogue.judge(Sent("pricing_opened", props)) == Judgement("invalid", field, problem)


def test_a_name_that_nobody_declared_is_undeclared(catalogue: Catalogue) -> None:
    assert catalogue.judge(Sent("my_event", {"plan": 1})) is UNDECLARED


def test_only_declared_texts_are_plain(catalogue: Catalogue) -> None:
    assert catalogue.plain_properties("pricing_opened") == {"plan", "seats", "price", "trial"}
    assert catalogue.plain_properties("my_event") == frozenset()


def test_a_declaration_can_be_pasted_and_declares_the_event(tmp_path: Path) -> None:
    sent = {"results": 3, "took": 1.5, "where": "top", "again": True}
    seen: dict[str, list[str]] = {name: [type_of(value)] for name, value in sent.items()} | {
        "mixed": ["text", "boolean"]
    }
    seen["took"].append("integer")
    text = declare('said "so" \\ maybe', seen)
    (table,) = tomllib.loads(text)["events"]
    event = EventSettings.model_validate(table).definition()
    assert {found.name: found.type for found in event.properties} == {
        "results": "integer",
        "took": "number",
        "where": "text",
        "again": "boolean",
    }
    local_file = tmp_path / "config.local.toml"
    local_file.write_text(text + declare("another", {}), "utf-8")
    catalogue = load_settings({}, local_file).event_catalogue
    assert catalogue.judge(Sent('said "so" \\ maybe', sent)) is DECLARED
    assert catalogue.judge(Sent("another", {"mixed": 1})) is DECLARED
    assert "where" not in catalogue.plain_properties('said "so" \\ maybe')


def test_the_longest_names_that_are_taken_can_be_declared(tmp_path: Path) -> None:
    most = load_settings({}).limits.name_characters
    local_file = tmp_path / "config.local.toml"
    local_file.write_text(declare("n" * most, {"p" * most: ["text"]}), "utf-8")
    catalogue = load_settings({}, local_file).event_catalogue
    assert catalogue.judge(Sent("n" * most, {"p" * most: "x"})) is DECLARED


def test_a_property_of_mixed_types_is_named_in_the_declaration() -> None:
    text = declare("own", {"mixed": ["text", "boolean"], "odd\nname": ["text", "number", "text"], "plain": ["text"]})
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert comments == [
        '# "mixed" came as boolean and text: send one type, then declare it here.',
        '# "odd\\nname" came as number and text: send one type, then declare it here.',
    ]
    (table,) = tomllib.loads(text)["events"]
    assert [found["name"] for found in table["properties"]] == ["plain"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (declare("page_view", {}), "'page_view' is built in"),
        (declare("own", {}) * 2, "'own' is declared twice"),
        (
            declare("own", {"a": ["text"]}) + '\n[[events.properties]]\nname="a"\ntype="text"\nmeaning="b"\n',
            "property twice",
        ),
        (declare("own", {}) + '\n[[events.properties]]\nname="a"\ntype="choice"\nmeaning="b"\n', "it needs some"),
    ],
)
def test_a_wrong_declaration_stops_the_start(tmp_path: Path, text: str, sentence: str) -> None:
    local_file = tmp_path / "config.local.toml"
    local_file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match=sentence):
        load_settings({}, local_file)
