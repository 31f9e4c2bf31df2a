"""Holds the documentation: everything that can be set, sent, called or run is in it, and it names nothing else."""

import json
import os
import re
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
import pytest
from pydantic import BaseModel

from shared.config import LISTS, PROJECT_DIR, SECRET_NAMES, Settings, load_settings
from tests import reference_pages
from tests.reference_pages import FOLDER, PAGES, page, read_settings

DOCS = PROJECT_DIR / "api" / "web" / "docs"
WRITTEN = [PROJECT_DIR / "README.md", *sorted(DOCS.glob("*.md"))]
ALL = [*WRITTEN, *sorted((DOCS / "reference").glob("*.md"))]
# Sections whose texts are their own meaning, and those that no setting of config.toml stands for.
WITHOUT_MEANING = ("texts.",)
NOT_IN_CONFIG = ("secrets", "texts")
VARIABLES = {
    "WARROOM_CONFIG_FILE",
    "WARROOM_DATA_DIR",
    "WARROOM_SECRETS_DIR",
    "WARROOM_TEST_CLOCK_FILE",
    "WARROOM_ALLOW_PIPED_LINK",
    "WARROOM_CHECK",
    "WARROOM_KILLS",  # these and the next make proofs longer
    "WARROOM_KILLS_OF_AN_OPERATION",
    "WARROOM_SLOW_SECONDS",
    "WARROOM_FAULT_SECONDS",
    "WARROOM_ERASED_EVENTS",
    "WARROOM_PURGED_ROWS",
    "WARROOM_EXAMPLES",
    "WARROOM_EXAMPLES_OF_AN_OPERATION",
    "WARROOM_OVERLOAD_SECONDS",
    "WARROOM_EACH_KIND",
    "WARROOM_ADDRESSES",
    "WARROOM_KEY",  # the reader's own, in an example
    *(f"WARROOM_{name.upper()}" for name in (*SECRET_NAMES, *LISTS)),
}
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
INLINE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
MAKE = re.compile(r"(?:^|[`$\s(])make (?P<target>[a-z][a-z-]*)(?=[`\s).,;:]|$)", re.MULTILINE)
VARIABLE = re.compile(r"\bWARROOM_[A-Z0-9_]+\b")


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT_DIR).as_posix()


def spans(path: Path) -> list[str]:
    """What stands in backticks in the running text."""
    return INLINE.findall(FENCE.sub("", path.read_text("utf-8")))


def setting_names() -> set[str]:
    return {line.name for line in read_settings()}


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every leaf of the settings' types, through sections and lists of sections."""
    for name, field in model.model_fields.items():
        inner = section_in(field.annotation)
        if prefix == "" and name in NOT_IN_CONFIG:
            continue
        if inner is not None:
            yield from fields_of(inner, f"{prefix}{name}.")
        else:
            yield prefix + name


def section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    if get_origin(annotation) is list:
        return section_in(get_args(annotation)[0])
    return None


@pytest.mark.parametrize("name", PAGES)
def test_reference_pages_are_what_the_code_says(name: str) -> None:
    path = FOLDER / name
    assert path.exists(), "run `make docs`"
    assert path.read_text("utf-8") == page(name), f"{name_of(path)} is out of date: run `make docs`"


def test_every_setting_of_the_types_has_its_line_in_config_toml() -> None:
    assert set(fields_of(Settings)) - setting_names() == set()


def test_config_toml_has_no_setting_that_the_types_lack() -> None:
    known = {name for name in setting_names() if not name.startswith(WITHOUT_MEANING)}
    assert known - set(fields_of(Settings)) == set()


def test_every_setting_says_in_one_line_what_it_means() -> None:
    assert [s.name for s in read_settings() if not s.meaning and not s.section.startswith(WITHOUT_MEANING)] == []


def test_every_setting_is_on_the_settings_page() -> None:
    text = (FOLDER / "settings.md").read_text("utf-8")
    assert [s.name for s in read_settings() if f"| `{s.key}` |" not in text] == []


def test_every_event_is_on_its_page() -> None:
    from shared.event_catalogue import CATALOGUE

    text = (FOLDER / "events.md").read_text("utf-8")
    assert [name for name in CATALOGUE if f"| `{name}` |" not in text] == []


def test_every_field_of_an_event_is_explained() -> None:
    from shared.event_catalogue import CATALOGUE

    text = (DOCS / "tracking.md").read_text("utf-8")
    fields = {field for event in CATALOGUE.values() for field in event.fields}
    assert [field for field in sorted(fields) if f"`{field}`" not in text] == []


def test_every_metric_is_on_its_page() -> None:
    from shared.derive.kpis import KPIS

    text = (FOLDER / "kpis.md").read_text("utf-8")
    assert [kpi.name for kpi in KPIS.values() if f"`{kpi.name}`" not in text or kpi.definition not in text] == []


def test_every_route_is_on_its_page() -> None:
    from api.routes import ALL_ROUTES

    text = (FOLDER / "routes.md").read_text("utf-8")
    assert [route.path for route in ALL_ROUTES if f"| {route.method} | `{route.path}` |" not in text] == []


def test_every_job_is_on_its_page() -> None:
    from shared.jobs.job_table import JOBS

    text = (FOLDER / "jobs.md").read_text("utf-8")
    assert [job.name for job in JOBS if f"| `{job.name}` |" not in text] == []


def test_every_job_says_what_it_does() -> None:
    from shared.jobs.job_table import JOBS

    assert [job.name for job in JOBS if not job.meaning] == []


def test_every_slash_command_is_on_its_page_and_in_the_readme() -> None:
    text, readme = (FOLDER / "commands.md").read_text("utf-8"), (PROJECT_DIR / "README.md").read_text("utf-8")
    names = [command.name for command in reference_pages.slash_commands()]
    assert [name for name in names if f"| `{name}` |" not in text] == []
    assert [name for name in names if name not in readme] == []


def test_every_operator_command_is_on_its_page_and_in_the_readme() -> None:
    text, readme = (FOLDER / "commands.md").read_text("utf-8"), (PROJECT_DIR / "README.md").read_text("utf-8")
    names = [f"warroom {command.name}" for command in reference_pages.operator_commands()]
    assert [name for name in names if f"| `{name}` |" not in text] == []
    assert [name for name in names if f"`{name}" not in readme] == []


def test_every_kind_of_message_has_its_rule_on_doubt() -> None:
    from shared.messages import DOUBT

    text = (DOCS / "operations.md").read_text("utf-8")
    assert [kind for kind, doubt in DOUBT.items() if f"| `{kind}` | `{doubt.value}` |" not in text] == []


def test_every_table_has_its_privacy_rule_on_the_page() -> None:
    from shared.store import models

    text = (DOCS / "privacy.md").read_text("utf-8")
    tables = [getattr(models, name) for name in models.__all__]
    missing = [
        table.__tablename__
        for table in tables
        if hasattr(table, "__tablename__") and f"| `{table.__tablename__}` | {table.erasure.value} |" not in text
    ]
    assert missing == []


def test_every_secret_is_in_the_readme() -> None:
    text = (PROJECT_DIR / "README.md").read_text("utf-8")
    assert [name for name in SECRET_NAMES if f"`WARROOM_{name.upper()}`" not in text] == []


def test_every_variable_that_the_code_reads_is_documented() -> None:
    sources = [path for room in ("shared", "api", "bot") for path in (PROJECT_DIR / room).rglob("*.py")]
    read = {name for path in sources for name in VARIABLE.findall(path.read_text("utf-8")) if "__" not in name}
    text = "".join(path.read_text("utf-8") for path in WRITTEN)
    assert {name for name in read if not name.endswith("_") and name not in text} == set()


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_pages_name_only_make_targets_that_exist(path: Path) -> None:
    makefile = (PROJECT_DIR / "Makefile").read_text("utf-8")
    known = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    named = {match["target"] for match in MAKE.finditer(commands_in(path))}
    assert named - known == set()


def commands_in(path: Path) -> str:
    """The code of a page, where `make …` is a command and not a verb."""
    text = path.read_text("utf-8")
    return "\n".join([*FENCE.findall(text), *(f"`{span}`" for span in spans(path))])


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_pages_name_only_files_that_exist(path: Path) -> None:
    top = {entry.name for entry in PROJECT_DIR.iterdir()} - {"data", ".venv"}
    named = {span for span in spans(path) if re.fullmatch(r"[\w.][\w./-]*", span) and span.split("/")[0] in top}
    with_folder = {span for span in named if "/" in span and "build" not in span.split("/")}  # made when it is needed
    assert [span for span in sorted(with_folder) if not (PROJECT_DIR / span).exists()] == []


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_pages_name_only_settings_that_exist(path: Path) -> None:
    names = setting_names()
    sections = {name.rpartition(".")[0] for name in names} - {"texts.en"}
    heads = {section.split(".")[0] for section in sections}
    spoken = {span.split(" = ")[0] for span in spans(path)}
    named = {span for span in spoken if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", span) and span.split(".")[0] in heads}
    named -= {span for span in named if (PROJECT_DIR / span).exists() or span.endswith((".md", ".toml", ".py", ".js"))}
    named -= {span for span in named if span in {"warroom.lock", "warroom.sock", "warroom.sqlite"}}
    assert named - names - sections == set()


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_pages_name_only_variables_that_exist(path: Path) -> None:
    nested = {"WARROOM_" + name.upper().replace(".", "__") for name in setting_names()}
    named = set(VARIABLE.findall(path.read_text("utf-8")))
    shapes = {name for name in named if name.endswith("_")}  # WARROOM_<SECTION>__<KEY>, WARROOM_X_…
    assert named - shapes - VARIABLES - nested == set()


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_pages_name_only_commands_that_exist(path: Path) -> None:
    slash = {command.name for command in reference_pages.slash_commands() if command.name.startswith("/")}
    operator = {command.name for command in reference_pages.operator_commands()}
    groups = {name.split()[0] for name in slash}
    wrong = []
    for span in spans(path):
        words = span.split()
        if words[0] in groups and len(words) > 1 and " ".join(words[:2]) not in slash and words[0] not in slash:
            wrong.append(span)
        if words[0] == "warroom" and len(words) > 1 and not {words[1], " ".join(words[1:3])} & operator:
            wrong.append(span)
    assert wrong == []


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_pages_name_only_addresses_that_exist(path: Path) -> None:
    from api.routes import ALL_ROUTES

    known = {route.path for route in ALL_ROUTES}
    called = [span.removeprefix(verb) for span in spans(path) for verb in ("GET ", "POST ") if span.startswith(verb)]
    paths = {address.split("?")[0] for address in called if address.startswith("/")}
    assert {address for address in paths if address not in known and not is_foreign(address)} == set()


def is_foreign(address: str) -> bool:
    """An address of X or Discord."""
    return address.startswith(("/2/", "/users/", "/oauth2/"))


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_relative_links_lead_somewhere(path: Path) -> None:
    targets = [match["target"].partition("#") for match in LINK.finditer(path.read_text("utf-8"))]
    relative = [(target, anchor) for target, _, anchor in targets if not re.match(r"[a-z]+:", target)]
    dead = [target for target, _ in relative if target and not (path.parent / target).exists()]
    dead += [f"{target}#{anchor}" for target, anchor in relative if anchor and not has_heading(path, target, anchor)]
    assert dead == []


def has_heading(path: Path, target: str, anchor: str) -> bool:
    text = (path.parent / target if target else path).read_text("utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return anchor in {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def blocks_of(path: Path, language: str) -> list[str]:
    pattern = rf"^( *)```{language}\n(.*?)^ *```"
    found = re.findall(pattern, path.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in found]


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_settings_in_examples_are_accepted(path: Path, tmp_path: Path) -> None:
    local_file = tmp_path / "config.local.toml"
    local_file.write_text("\n".join(blocks_of(path, "toml")), "utf-8")
    assert load_settings({}, local_file).alerts


def test_events_in_examples_are_accepted() -> None:
    from shared.ingest.event_fields import TrackEvent, check_event

    limits = load_settings({"WARROOM_CONFIG_FILE": os.devnull}).limits
    examples = [json.loads(block) for block in blocks_of(DOCS / "tracking.md", "json")]
    sent = [event for example in examples for event in example.get("events", [])]
    assert sent
    assert [event for event in sent if not isinstance(check_event(event, limits), TrackEvent)] == []


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_bodies_sent_by_curl_are_json_of_a_known_shape(path: Path) -> None:
    from shared.ingest.event_fields import TrackBatch
    from shared.ingest.feedback.new_feedback import parse_feedback

    limits = load_settings({"WARROOM_CONFIG_FILE": os.devnull}).limits
    for address, body in re.findall(
        r"curl -X POST https://[^/\s]+(\S+) .*?-d '([^']+)'", path.read_text("utf-8"), re.DOTALL
    ):
        if address == "/track":
            msgspec.json.decode(body, type=TrackBatch)
        elif address == "/feedback":
            parse_feedback(json.loads(body), limits)
        else:
            assert isinstance(json.loads(body), dict)
