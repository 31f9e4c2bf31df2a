"""Fixtures of all tests: a real database in a temporary folder, SQLite and PostgreSQL alike."""

import asyncio
import atexit
import functools
import os
import shutil
import tempfile
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import hypothesis
import pytest

from shared.clock import ManualClock
from shared.config import Settings, load_settings
from shared.store.database import DATABASE_FILE, Store, open_store, own_data_dir
from shared.store.migrate import migrate
from tests.postgres_server import PostgresServer, start_postgres

hypothesis.settings.register_profile("warroom", deadline=None, derandomize=True)  # busy machines are no failure
hypothesis.settings.load_profile("warroom")

NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)  # a Wednesday
TEMPLATE = "warroom_template"
DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


SITES = [
    {"key": "docs", "name": "Example Docs", "hosts": ["docs.example"], "zone": "Europe/Berlin", "language": "en"},
    {"key": "blog", "name": "Example Blog", "hosts": ["blog.example"], "zone": "UTC", "language": "en"},
]


def make_settings(data_dir: Path, database_url: str = "", **sections: object) -> Settings:
    """Settings of a test: two sites, loopback, everything else as shipped."""
    environment = {"WARROOM_DATA_DIR": str(data_dir), "WARROOM_SECRET_KEY": "0" * 64}
    if database_url:
        environment["DATABASE_URL"] = database_url
    else:
        lay_migrated_database(data_dir)
    return load_settings(environment, None, **{"sites": SITES, **sections})


def lay_migrated_database(data_dir: Path) -> None:
    """Puts a copy of the migrated database into a new folder: migrating anew takes most of a short test."""
    target = data_dir / DATABASE_FILE
    if not target.exists():
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(sqlite_template(), target)


@functools.cache
def sqlite_template() -> Path:
    """An empty migrated SQLite file, made once per process."""
    folder = Path(tempfile.mkdtemp(prefix="warroom-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

    async def make() -> None:
        settings = load_settings({"WARROOM_DATA_DIR": str(folder)})
        store = open_store(settings, own_data_dir(folder))
        await migrate(settings, store.writing_engine, NOON)
        await store.close()

    maker = threading.Thread(target=asyncio.run, args=(make(),))
    maker.start()
    maker.join()
    return folder / DATABASE_FILE


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


# What the quick run does: both databases where rows are kept and sent, and the shortest stories of each way in.
# `make check` does everything on both.
BOTH_DATABASES = (
    "tests/shared/store/",
    "tests/shared/ingest/test_event",
    "tests/shared/ingest/test_feedback",
    "tests/shared/deliver/test_delivery_loop",
    "tests/shared/deliver/test_kill_points",
    "tests/scenarios/test_docs_visitor_answers",
)
QUICK_SCRIPT_TESTS = ("plain_visit", "agreed_shape", "built_files")
LONG = (
    "tests/browser/test_every_page",
    "tests/discord_server/",  # the stand-ins' own proofs
    "tests/x_server/",
    "tests/test_postgres_server",
    "tests/shared/derive/test_sentiment_quality",
    "tests/scenarios/test_alert_fires",
    "tests/scenarios/test_closed_messages",
    "tests/scenarios/test_discord_outage",
    "tests/scenarios/test_downtime",
    "tests/scenarios/test_form_open",
    "tests/scenarios/test_killed_between",
    "tests/api/test_hostile_input.py::test_every_raw_connection",
    "tests/bot/test_answers.py::test_score_pressed_while",
    "tests/bot/test_answers.py::test_slow_store",
    "tests/shared/runtime/test_start_and_stop.py::test_sigterm",
    "tests/test_makefile",
)


SCENARIO_SECONDS = 180  # of one with processes of its own, on a slow machine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        name = item.nodeid.replace(os.sep, "/")
        second_database = "[postgresql" in name and not name.startswith(BOTH_DATABASES)
        script = "tests/browser/test_script_" in name and not any(part in name for part in QUICK_SCRIPT_TESTS)
        if second_database or script or name.startswith(LONG):
            item.add_marker(pytest.mark.slow)
        if name.startswith("tests/scenarios/") and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(SCENARIO_SECONDS))


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One server for the whole run; the workers of pytest-xdist share it."""
    folder = tmp_path_factory.getbasetemp()
    server = start_postgres((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "postgres")
    yield server
    server.stop()


async def fill_template(url: str) -> None:
    """Migrates the database that the others are copies of."""
    settings = make_settings(Path(tempfile.gettempdir()), url)
    store = open_store(settings)
    await migrate(settings, store.writing_engine, NOON)
    await store.close()


@pytest.fixture(scope="session")
def postgres_database() -> str:
    """The name of this worker's database; it is emptied between tests, which is far cheaper than a new one."""
    return f"test_{uuid.uuid4().hex}"


@pytest.fixture(params=DATABASES)
async def database_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Empty for SQLite, the address of an empty migrated database for PostgreSQL."""
    if request.param == "sqlite":
        yield ""
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name: str = request.getfixturevalue("postgres_database")
    await server.ensure_template(TEMPLATE, fill_template)
    if not await server.has_database(name):
        await server.create_database(name, TEMPLATE)
    yield server.dsn(name)
    try:
        await server.empty_database(name)
    except asyncpg.PostgresError:  # a test changed the schema or left it locked
        await server.drop_database(name)


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return make_settings(tmp_path / "data", database_url)


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    """An open, migrated store of the tested database."""
    lock = own_data_dir(settings.store.data_dir) if settings.uses_sqlite else None
    opened = open_store(settings, lock)
    yield opened
    await opened.close()
