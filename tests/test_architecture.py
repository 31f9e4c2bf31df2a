"""Holds the house: who may know whom, where third parties live, and rules that a reviewer would forget."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.store import models
from shared.store.models import Erasure

ROOT = Path(__file__).resolve().parent.parent
LAYERS = {
    "shared.config": 0,
    "shared.clock": 0,
    "shared.errors": 0,
    "shared.identifiers": 0,
    "shared.event_catalogue": 0,
    "shared.messages": 0,
    "shared.texts": 0,
    "shared.worker": 0,
    "shared.store": 1,
    "shared.stats": 1,
    "shared.guard": 1.5,
    "shared.derive": 2,
    "shared.decide": 3,
    "shared.ingest": 4,
    "shared.deliver": 4,
    "shared.jobs": 5,
    "shared.runtime": 6,
    "shared.cli": 6,
    "shared.__main__": 6,
    "api": 7,
    "bot": 7,
    "api.__main__": 8,
    "bot.__main__": 8,
}
SIBLINGS = [{"shared.store", "shared.stats"}, {"shared.ingest", "shared.deliver"}, {"api", "bot"}]
HOMES = {
    "discord": ("bot/",),
    "tweepy": ("bot/",),
    "vaderSentiment": ("shared/derive/sentiment.py",),
    "py3langid": ("shared/derive/language.py",),
    "sklearn": ("shared/derive/themes.py",),
    "scipy": ("shared/stats/",),
    "statsmodels": ("shared/stats/",),
    "matplotlib": ("shared/deliver/charts.py",),
    "playwright": ("shared/runtime/coverage/",),
    "apscheduler": ("shared/jobs/scheduler.py",),
    "aiohttp.web": ("api/",),
    "asyncpg": (),
    "requests": (),
    "urllib.request": (),
}
NAMELESS = {"utils", "helpers", "common", "misc", "service", "manager"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 60


def python_files() -> list[Path]:
    return sorted(path for folder in ("shared", "api", "bot") for path in (ROOT / folder).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str | None:
    """The most specific room that a module belongs to."""
    found = [room for room in LAYERS if module == room or module.startswith(room + ".")]
    return max(found, key=len, default=None)


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Every imported module with its line, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def wrong_imports(path: Path) -> list[str]:
    own = room_of(module_name(path))
    wrong = []
    for line, imported in imports_of(path):
        other = room_of(imported)
        if own is None or other is None or other == own:
            continue
        together = any({own, other} <= pair for pair in SIBLINGS)
        if LAYERS[other] > LAYERS[own] or together or (LAYERS[other] == LAYERS[own] and LAYERS[own] not in (0, 6)):
            wrong.append(f"{path.relative_to(ROOT)}:{line} imports {imported}")
    return wrong


def test_imports_point_downwards() -> None:
    assert [wrong for path in python_files() for wrong in wrong_imports(path)] == []


def test_the_judge_finds_an_upward_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_architecture.ROOT", tmp_path)
    upward = tmp_path / "shared" / "derive" / "wrong.py"
    upward.parent.mkdir(parents=True)
    upward.write_text("def late():\n    from shared.ingest import events\n")
    assert wrong_imports(upward) != []


def test_third_parties_stay_at_home() -> None:
    astray = []
    for path in python_files():
        name = path.relative_to(ROOT).as_posix()
        for line, imported in imports_of(path):
            for package, homes in HOMES.items():
                inside = imported == package or imported.startswith(package + ".")
                if inside and not any(name.startswith(home) for home in homes):
                    astray.append(f"{name}:{line} imports {imported}")
    assert astray == []


def test_the_http_server_lives_in_the_api() -> None:
    for path in python_files():
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(("api/", "bot/", "shared/deliver/egress.py")):
            assert "aiohttp" not in {imported.split(".")[0] for _, imported in imports_of(path)}, name


def test_every_room_is_known() -> None:
    assert [
        str(path) for path in python_files() if room_of(module_name(path)) is None and path.parent.name != "shared"
    ] == []


def test_no_file_is_named_after_nothing() -> None:
    assert [str(path) for path in python_files() if NAMELESS & set(path.with_suffix("").parts)] == []


def test_files_stay_readable() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in python_files()}
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FILE and "/migrations/" not in name} == {}


def test_functions_stay_readable() -> None:
    long = []
    for path in python_files():
        if "migrations/versions" in path.as_posix():
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION:
                long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert long == []


def test_only_the_clock_asks_for_the_time() -> None:
    asking = ("datetime.now(", "datetime.utcnow(", "time.time(", "time.monotonic(", "date.today(", "datetime.today(")
    found = [
        f"{path.relative_to(ROOT)}: {call}"
        for path in python_files()
        for call in asking
        if call in path.read_text("utf-8") and path.name != "clock.py"
    ]
    assert found == []


def test_every_module_says_what_it_is() -> None:
    assert [str(path) for path in python_files() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))] == []


@pytest.mark.parametrize("name", models.__all__)
def test_every_table_states_what_erasing_does(name: str) -> None:
    table = getattr(models, name)
    if hasattr(table, "__tablename__"):
        assert isinstance(table.erasure, Erasure)


def test_dialect_words_stay_in_their_file() -> None:
    words = ("sqlalchemy.dialects", "PRAGMA ", "pg_advisory")
    homes = {"shared/store/dialect.py", "shared/store/column_types.py"}
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in python_files()
        for word in words
        if word in path.read_text("utf-8") and path.relative_to(ROOT).as_posix() not in homes
    ]
    assert found == []
