"""Counters per site, hour and key, moved in the transaction of their cause and rebuilt from raw rows."""

from shared.derive.rollups.counting import OTHER_KEY, KnownKeys, Tally, hour_of, stored_keys
from shared.derive.rollups.events import count_events
from shared.derive.rollups.feedback import count_feedback
from shared.derive.rollups.intake import INTAKE_MEASURES
from shared.derive.rollups.rebuilding import rebuild

__all__ = [
    "INTAKE_MEASURES",
    "OTHER_KEY",
    "KnownKeys",
    "Tally",
    "count_events",
    "count_feedback",
    "hour_of",
    "rebuild",
    "stored_keys",
]
