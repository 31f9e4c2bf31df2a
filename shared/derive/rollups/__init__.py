"""Counters per site, hour and key, moved in the transaction of their cause and rebuilt from raw rows."""

from shared.derive.rollups.counting import OTHER_KEY, KnownKeys, Tally, hour_of, stored_keys
from shared.derive.rollups.events import count_events, storing_steps
from shared.derive.rollups.feedback import count_feedback, tally_feedback
from shared.derive.rollups.intake import INTAKE_MEASURES
from shared.derive.rollups.rebuilding import rebuild
from shared.derive.rollups.taking_back import events_in_shared_views, uncount_events, uncount_visits

__all__ = [
    "INTAKE_MEASURES",
    "OTHER_KEY",
    "KnownKeys",
    "Tally",
    "count_events",
    "count_feedback",
    "events_in_shared_views",
    "hour_of",
    "rebuild",
    "stored_keys",
    "storing_steps",
    "tally_feedback",
    "uncount_events",
    "uncount_visits",
]
