"""Stores what a stranger says, once, with its limits, counters and note: ready-made steps that join a batch of events.

Most feedback on pages is of this kind: no known person and no prompt moves with it. As a unit in a session it
would hold up every reader's events for some milliseconds, nearly all of them spent on building statements.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Dialect, bindparam, delete
from sqlmodel import col, select

from shared.derive.rollups import Tally, tally_feedback
from shared.guard.rate_limits import Limit, hit_steps
from shared.ingest.feedback.negative_note import note_key
from shared.messages import WAR_ROOM, NegativeFeedback
from shared.store.dialect import insert_on
from shared.store.event_tables import Steps, tables_for
from shared.store.models import Feedback
from shared.store.outbox import enqueue_steps
from shared.store.ready_statements import ReadyStatement

DEFAULTS = {name: field.get_default(call_default_factory=True) for name, field in Feedback.model_fields.items()}


class PlainFeedback:
    """The columns of a row, and what it is stored under.

    `row` has the attributes of a `Feedback`, which itself would take as long to make as to store.
    """

    def __init__(
        self, values: Mapping[str, Any], keys: Sequence[str], since: datetime | None, limits: Sequence[Limit]
    ) -> None:
        self.row: Any = SimpleNamespace(**{**DEFAULTS, **values})
        self.keys = keys  # the first is the row's; something under another one is the same thing
        self.since = since  # how far back that counts
        self.limits = limits
        self.note: NegativeFeedback | None = None  # for the team, at once


class PlainStore:
    """The steps of one database."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._tables = tables_for(dialect)
        row_id = col(Feedback.id)
        insert = insert_on(dialect, Feedback).on_conflict_do_nothing().returning(row_id)
        self._insert = ReadyStatement(insert, dialect)
        self._remove = ReadyStatement(delete(Feedback).where(row_id == bindparam("row_id")), dialect)
        earlier = select(row_id).where(
            col(Feedback.site) == bindparam("site"),
            col(Feedback.external_key) == bindparam("key"),
            col(Feedback.received_at) > bindparam("since"),
        )
        self._earlier = ReadyStatement(earlier, dialect)

    def steps(self, sent: PlainFeedback, now: datetime) -> Steps[int | None]:
        """0 when it is stored and counted, the seconds to wait when it is over a limit, None when it was there before.

        What is over a limit goes again: steps that fail cost the others of their batch more.
        """
        row = sent.row
        for key in sent.keys[1:]:
            if (yield self._earlier.with_values({"site": row.site, "key": key, "since": sent.since})):
                return None
        made = yield self._insert.with_values(vars(row))  # before the limits: of twins only one counts
        if not made:
            return None
        wait = yield from hit_steps(self._dialect, sent.limits, now)
        if wait:
            yield self._remove.with_values({"row_id": row.id})
            return wait
        tally = Tally(row.site)
        tally_feedback(tally, row)
        yield from tally.move(self._tables)
        if sent.note is not None:
            key = note_key(row)
            yield from enqueue_steps(self._dialect, sent.note, destination=WAR_ROOM, dedupe_key=key, now=now)
        return 0
