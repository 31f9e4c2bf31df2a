"""The rule of one alert, pure: fires once after a hold, is told again when it grows or lasts, resolves after a hold.

`evaluate` has no session and no clock. Not enough cases never fire, and end an open alert like a return to normal.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from shared.config import AlertRuleSettings
from shared.derive.kpis import Measured

LEAST_BETWEEN_POSTS = timedelta(minutes=10)
FIRST_REPEAT, LAST_REPEAT = timedelta(hours=1), timedelta(hours=24)
MUCH_WORSE = 0.25  # of the worst value told so far

Action = Literal["nothing", "fire", "update", "resolve"]


@dataclass(frozen=True)
class RuleState:
    """Where a rule stands on one site; the last five only while an alert is open."""

    breached_since: datetime | None = None
    clear_since: datetime | None = None
    quiet_until: datetime | None = None
    last_checked_at: datetime | None = None
    alert_id: str | None = None
    fired_at: datetime | None = None
    told_at: datetime | None = None
    told_worst: float | None = None


@dataclass(frozen=True)
class Decision:
    action: Action
    state: RuleState
    is_breached: bool
    reason: str = ""


def evaluate(
    rule: AlertRuleSettings, state: RuleState, observed: Measured, expected: Measured | None, now: datetime
) -> Decision:
    """What to do with a measurement; the state to keep. After "fire" the caller adds the alert's id."""
    breached = is_breached(rule, observed, expected)
    state = replace(_forget_old_hold(rule, state, now), last_checked_at=now)
    if state.alert_id is None:
        return _watch(rule, state, breached, now)
    return _follow(rule, state, breached, observed, now)


def is_breached(rule: AlertRuleSettings, observed: Measured, expected: Measured | None) -> bool:
    """Whether the measurement is beyond the threshold, on enough cases."""
    value = observed.value
    if value is None or not has_enough_cases(rule, observed, expected):
        return False
    if rule.compare == "below":
        return value < rule.threshold
    if rule.compare == "above":
        return value > rule.threshold
    if expected is None or not expected.value:
        return False
    change = (value - expected.value) / abs(expected.value)
    change = round(change, 9)  # 0.15 is 50 % more than 0.1
    return change <= -rule.threshold if rule.compare == "drop" else change >= rule.threshold


def has_enough_cases(rule: AlertRuleSettings, observed: Measured, expected: Measured | None) -> bool:
    """A count may fall to nothing: then the cases that were expected are what counts."""
    cases = observed.count
    if observed.denominator is None and rule.compare in ("drop", "rise") and expected is not None:
        cases = max(cases, expected.count)
    return cases >= rule.minimum_count


def is_worse(rule: AlertRuleSettings, value: float, than: float) -> bool:
    return value < than if rule.compare in ("below", "drop") else value > than


def _watch(rule: AlertRuleSettings, state: RuleState, breached: bool, now: datetime) -> Decision:
    if not breached:
        return Decision("nothing", replace(state, breached_since=None), False)
    since = state.breached_since or now
    state = replace(state, breached_since=since)
    if now - since < timedelta(minutes=rule.hold_minutes):
        return Decision("nothing", state, True, "holding")
    if state.quiet_until is not None and now < state.quiet_until:
        return Decision("nothing", state, True, "cooling down")
    return Decision("fire", replace(state, clear_since=None, fired_at=now, told_at=now), True)


def _follow(rule: AlertRuleSettings, state: RuleState, breached: bool, observed: Measured, now: datetime) -> Decision:
    if breached:
        state = replace(state, clear_since=None)
        if observed.value is not None and _is_worth_telling(rule, state, observed.value, now):
            return Decision("update", replace(state, told_at=now), True)
        return Decision("nothing", state, True)
    since = state.clear_since or now
    if now - since < timedelta(minutes=rule.hold_minutes):
        return Decision("nothing", replace(state, clear_since=since), False, "holding")
    quiet_until = now + timedelta(minutes=rule.cooldown_minutes)
    return Decision("resolve", RuleState(quiet_until=quiet_until, last_checked_at=now), False)


def _is_worth_telling(rule: AlertRuleSettings, state: RuleState, value: float, now: datetime) -> bool:
    """Much worse than told so far, or still firing after a while that doubles from an hour to a day."""
    if state.told_at is None or state.fired_at is None:
        return True
    since_told = now - state.told_at
    if since_told < LEAST_BETWEEN_POSTS:
        return False
    repeat = min(max(state.told_at - state.fired_at, FIRST_REPEAT), LAST_REPEAT)
    return since_told >= repeat or (state.told_worst is not None and _is_much_worse(rule, value, state.told_worst))


def _is_much_worse(rule: AlertRuleSettings, value: float, worst: float) -> bool:
    scale = abs(worst) if rule.compare in ("drop", "rise") else max(abs(worst), abs(rule.threshold))
    return is_worse(rule, value, worst) and abs(value - worst) >= MUCH_WORSE * scale > 0


def _forget_old_hold(rule: AlertRuleSettings, state: RuleState, now: datetime) -> RuleState:
    """A hold means "all the time": after a gap longer than the window nothing is known of the time between."""
    if state.last_checked_at is None or now - state.last_checked_at <= timedelta(hours=rule.window_hours):
        return state
    return replace(state, breached_since=None, clear_since=None)
