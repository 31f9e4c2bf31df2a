"""An erasure looks at the rows of the person alone: with everybody's it would keep the one writer from all others."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.shared.ingest.erasing import ADA, add_events, eraser_of, live
from tests.shared.ingest.intake import Desk
from tests.shared.ingest.test_server_users import ADA as USER
from tests.shared.ingest.test_server_users import tell

MANY_ROWS = re.compile(r"\b(event|page_view|visitor_day)\b")
OF_EVERYBODY = re.compile(
    r"SCAN (event|page_view|visitor_day)(?! USING COVERING INDEX ix_event_user)"
    r"|ix_event_site_day|ix_page_view_local_day|PRIMARY KEY \(site=\?( AND local_day=\?)?\)"
)
Statement = tuple[str, Any]


@pytest.fixture
def database_url() -> str:
    """SQLite chooses by rules that one can rely on, and has one writer for all."""
    return ""


@contextmanager
def statements() -> Iterator[list[Statement]]:
    """What is asked of any database from here on."""
    asked: list[Statement] = []

    def note(_connection: Any, _cursor: Any, text: str, values: Any, _context: Any, _many: bool) -> None:
        asked.append((text, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def plans_of(desk: Desk, asked: list[Statement]) -> dict[str, str]:
    """How SQLite would answer the statements about tables with many rows; only looks outside a unit may take long."""
    found = {}
    async with desk.store.read() as session:
        connection = await session.connection()
        for text, values in asked:
            is_look_of_shared_views = "event.name IN" in text
            if MANY_ROWS.search(text) and not is_look_of_shared_views and not text.startswith("INSERT"):
                steps = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
                found[text] = "; ".join(str(step[-1]) for step in steps.all())
    return found


@pytest.mark.slow
async def test_no_step_looks_at_everybodys_rows(desk: Desk) -> None:
    person_id = await live(desk)
    await add_events(desk, 1, event_id="theirs", view="shared", marked=True, person_id=person_id)
    await add_events(desk, 1, event_id="others", name="click", view="shared", marked=True, visitor="anonymous")
    await tell(desk, USER)
    with statements() as asked:
        assert await eraser_of(desk).erase("web", f"docs/{ADA}", "self") is not None
        assert await eraser_of(desk).erase("user", f"docs/{USER}", "cli") is not None
    plans = await plans_of(desk, asked)
    assert {text.split()[0] for text in plans} == {"SELECT", "DELETE", "UPDATE"}
    assert len(plans) > 5
    assert {text: plan for text, plan in plans.items() if OF_EVERYBODY.search(plan)} == {}
