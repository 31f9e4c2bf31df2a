"""One alert rule: hold, fire once, updates, hold, resolve, cool-down."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.config import AlertRuleSettings
from shared.decide.alert_rules import RuleState, evaluate, is_breached
from shared.derive.kpis import Measured

START = datetime(2026, 3, 11, 12, tzinfo=UTC)


def make_rule(**changes: object) -> AlertRuleSettings:
    values = {
        "name": "rule",
        "kpi": "share_negative",
        "compare": "above",
        "threshold": 0.4,
        "window_hours": 24,
        "minimum_count": 10,
        "severity": "P2",
        "hold_minutes": 10,
        "cooldown_minutes": 60,
    }
    return AlertRuleSettings(**(values | changes))


def share(value: float | None, count: int = 100) -> Measured:
    return Measured(value, None, count, count)


def number(value: int) -> Measured:
    return Measured(value, value, None, value)


class Watch:
    """Feeds a rule minute by minute and notes what it does."""

    def __init__(self, rule: AlertRuleSettings) -> None:
        self.rule, self.state, self.now = rule, RuleState(), START
        self.actions: list[tuple[int, str]] = []

    def feed(self, value: float | None, minutes: int = 1, count: int = 100) -> None:
        for _ in range(minutes):
            decision = evaluate(self.rule, self.state, share(value, count), None, self.now)
            self.state = decision.state
            if decision.action in ("fire", "update"):
                self.state = replace(self.state, alert_id="alert", told_worst=value)
            if decision.action != "nothing":
                self.actions.append((round((self.now - START).total_seconds() / 60), decision.action))
            self.now += timedelta(minutes=1)


def test_it_fires_once_after_the_hold():
    watch = Watch(make_rule())
    watch.feed(0.5, minutes=59)
    assert watch.actions == [(10, "fire")]


def test_a_short_breach_never_fires():
    watch = Watch(make_rule())
    watch.feed(0.5, minutes=9)
    watch.feed(0.3)
    watch.feed(0.5, minutes=9)
    assert watch.actions == []


def test_without_a_hold_it_fires_at_once():
    watch = Watch(make_rule(hold_minutes=0))
    watch.feed(0.5)
    assert watch.actions == [(0, "fire")]


def test_it_resolves_after_the_hold_and_then_stays_quiet():
    watch = Watch(make_rule())
    watch.feed(0.5, minutes=11)
    watch.feed(0.3, minutes=11)
    assert watch.actions == [(10, "fire"), (21, "resolve")]
    watch.feed(0.5, minutes=59)
    assert watch.actions[2:] == []
    watch.feed(0.5, minutes=5)
    assert watch.actions[2:] == [(81, "fire")]


def test_a_short_recovery_does_not_resolve():
    watch = Watch(make_rule())
    watch.feed(0.5, minutes=11)
    for _ in range(3):
        watch.feed(0.3, minutes=9)
        watch.feed(0.5)
    assert watch.actions == [(10, "fire")]


def test_it_is_told_again_ever_more_rarely():
    watch = Watch(make_rule(hold_minutes=0))
    watch.feed(0.5, minutes=60 * 24)
    assert [minute // 60 for minute, action in watch.actions if action == "update"] == [1, 2, 4, 8, 16]


def test_much_worse_is_told_early_but_not_each_minute():
    watch = Watch(make_rule(hold_minutes=0))
    watch.feed(0.5, minutes=12)
    watch.feed(0.64, minutes=5)
    watch.feed(0.95, minutes=2)
    assert watch.actions == [(0, "fire"), (12, "update")]


def test_too_few_cases_never_fire_and_end_an_open_alert():
    watch = Watch(make_rule(hold_minutes=2))
    watch.feed(0.9, minutes=20, count=9)
    assert watch.actions == []
    watch.feed(0.9, minutes=3, count=10)
    watch.feed(None, minutes=3, count=0)
    assert [action for _, action in watch.actions] == ["fire", "resolve"]


def test_a_gap_in_watching_begins_the_hold_anew():
    watch = Watch(make_rule())
    watch.feed(0.5, minutes=5)
    watch.now += timedelta(days=8)
    watch.feed(0.5, minutes=10)
    assert watch.actions == []
    watch.feed(0.5, minutes=2)
    assert [action for _, action in watch.actions] == ["fire"]


@pytest.mark.parametrize(
    ("changes", "observed", "expected", "breached"),
    [
        ({"compare": "above", "threshold": 0.4}, share(0.4), None, False),
        ({"compare": "above", "threshold": 0.4}, share(0.41), None, True),
        ({"compare": "below", "threshold": 0.4}, share(0.39), None, True),
        ({"compare": "below", "threshold": 0.4}, share(0.4), None, False),
        ({"compare": "drop", "threshold": 0.5}, number(50), number(100), True),
        ({"compare": "drop", "threshold": 0.5}, number(51), number(100), False),
        ({"compare": "drop", "threshold": 0.5}, number(0), number(100), True),
        ({"compare": "drop", "threshold": 0.5}, number(0), number(9), False),
        ({"compare": "drop", "threshold": 0.5}, number(0), None, False),
        ({"compare": "drop", "threshold": 0.5}, share(0.1, 9), share(0.5, 100), False),
        ({"compare": "rise", "threshold": 0.5}, share(0.15), share(0.1), True),
        ({"compare": "rise", "threshold": 0.5}, share(0.5), share(0.0), False),
        ({"compare": "drop", "threshold": 0.5}, share(-0.3), share(0.1), True),
        ({"compare": "above", "threshold": 0.4}, share(None, 0), None, False),
    ],
)
def test_what_counts_as_a_breach(changes, observed, expected, breached):
    assert is_breached(make_rule(**changes), observed, expected) is breached
