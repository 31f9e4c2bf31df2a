"""The rule of asking: every number of it, and which rule stands in front of which."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from shared.config import PromptSettings, load_settings
from shared.decide.prompts.rules import PromptFacts, is_waking_hour, may_ask, time_until_awake

NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
TODAY = date(2026, 3, 11)
RULES: PromptSettings = load_settings({}).prompts


def days(count: float) -> timedelta:
    return timedelta(days=count)


def make_facts(**changes: object) -> PromptFacts:
    """Somebody who may be asked on the docs page right now."""
    facts = PromptFacts(
        way="web",
        reason="usage",
        due_at=NOON,
        today=TODAY,
        first_usage_day=TODAY - days(7),
        usage_days=2,
        last_seen_at=NOON,
    )
    return replace(facts, **changes)  # type: ignore[arg-type]


def verdict(now: datetime = NOON, rules: PromptSettings = RULES, **changes: object) -> tuple[str, str]:
    found = may_ask(make_facts(**changes), rules, now)
    return found.decision, found.reason


def test_somebody_who_used_the_docs_for_seven_days_is_asked() -> None:
    assert verdict() == ("ask", "due")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"first_usage_day": TODAY - days(7)}, "ask"),
        ({"first_usage_day": TODAY - days(6)}, "wait"),
        ({"first_usage_day": None}, "wait"),
        ({"usage_days": 2}, "ask"),
        ({"usage_days": 1}, "wait"),
        ({"last_seen_at": NOON - days(14)}, "ask"),
        ({"last_seen_at": NOON - days(14) - timedelta(seconds=1)}, "wait"),
        ({"last_seen_at": None}, "wait"),
        ({"last_other_prompt_at": NOON - days(90)}, "ask"),
        ({"last_other_prompt_at": NOON - days(90) + timedelta(seconds=1)}, "wait"),
        ({"due_at": NOON + timedelta(seconds=1)}, "wait"),
        ({"due_at": NOON - days(29.9)}, "ask"),
        ({"due_at": NOON - days(30)}, "lapse"),
        ({"opted_out": True}, "never"),
        ({"asked_before": True}, "never"),
        ({"dismissals": 1}, "ask"),
        ({"dismissals": 2}, "never"),
        ({"snoozed_until": NOON}, "ask"),
        ({"snoozed_until": NOON + timedelta(seconds=1)}, "wait"),
        ({"first_usage_day": TODAY - days(29)}, "ask"),
        ({"first_usage_day": TODAY - days(30)}, "never"),
    ],
)
def test_each_number_of_the_rule_at_its_edge(changes: dict[str, object], expected: str) -> None:
    assert verdict(**changes)[0] == expected


@pytest.mark.parametrize(
    ("zone", "utc_hour", "expected"),
    [
        (None, 8, "wait"),
        (None, 9, "ask"),
        (None, 19, "ask"),
        (None, 20, "wait"),
        ("Europe/Berlin", 7, "wait"),  # 08:00 there
        ("Europe/Berlin", 8, "ask"),
        ("Europe/Berlin", 19, "wait"),  # 20:00 there
        ("Asia/Tokyo", 12, "wait"),  # 21:00 there
        ("Asia/Kolkata", 3, "wait"),  # 08:30 there
        ("America/New_York", 13, "ask"),  # 09:00 there, summer time already
        ("No/Where", 12, "ask"),  # nonsense counts as unknown
    ],
)
def test_people_are_asked_in_their_own_waking_hours(zone: str | None, utc_hour: int, expected: str) -> None:
    now = NOON.replace(hour=utc_hour)
    assert verdict(now, zone=zone, due_at=now, last_seen_at=now)[0] == expected


@pytest.mark.parametrize(
    ("zone", "now", "hours"),
    [
        ("UTC", "2026-03-11T12:00", 0.0),
        ("UTC", "2026-03-11T20:00", 13.0),
        ("UTC", "2026-03-11T08:30", 0.5),
        ("Asia/Kolkata", "2026-03-11T15:00", 12.5),  # half past eight in the evening
        ("Europe/Berlin", "2026-03-28T20:00", 11.0),  # nine in the evening; the clocks go forward over night
        ("Europe/Berlin", "2026-10-24T19:00", 13.0),  # nine in the evening; they go back
        ("Pacific/Kiritimati", "2026-03-11T18:00", 1.0),  # eight in the morning of the next day
    ],
)
def test_how_long_it_is_until_somebody_may_be_asked(zone: str, now: str, hours: float) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert time_until_awake(zone, RULES, moment) == timedelta(hours=hours)
    assert is_waking_hour(zone, RULES, moment + timedelta(hours=hours))


def test_unknown_zones_count_as_the_zone_of_the_settings() -> None:
    tokyo = RULES.model_copy(update={"zone": "Asia/Tokyo"})
    assert verdict(rules=tokyo) == ("wait", "asleep")


@pytest.mark.parametrize("reason", ["opt_in", "api"])
def test_opting_in_and_a_servers_request_waive_the_usage_rules(reason: str) -> None:
    nobody = {"first_usage_day": None, "usage_days": 0, "last_seen_at": None}
    assert verdict(way="discord_dm", reason=reason, opted_in=True, **nobody) == ("ask", "due")


def test_a_servers_request_asks_on_the_page_however_long_ago_the_first_visit_was() -> None:
    long_known = {"first_usage_day": TODAY - days(400), "way": "web"}
    assert verdict(reason="api", **long_known) == ("ask", "due")
    assert verdict(reason="usage", **long_known) == ("never", "first_seen_long_ago")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"opted_in": False}, ("wait", "not_opted_in")),
        ({"opted_out": True}, ("never", "opted_out")),
        ({"last_other_prompt_at": NOON - days(89)}, ("wait", "asked_lately")),
        ({"zone": "Asia/Tokyo"}, ("wait", "asleep")),
    ],
)
def test_a_servers_request_replaces_no_other_rule(changes: dict[str, object], expected: tuple[str, str]) -> None:
    assert verdict(**{"way": "discord_dm", "reason": "api", "opted_in": True, **changes}) == expected


@pytest.mark.parametrize(("way", "expected"), [("discord_dm", "wait"), ("x_dm", "wait"), ("ephemeral", "ask")])
def test_nobody_gets_a_direct_message_without_opting_in(way: str, expected: str) -> None:
    assert verdict(way=way)[0] == expected


@pytest.mark.parametrize(("late", "expected"), [(14, "ask"), (14.01, "skip_late"), (30, "lapse")])
def test_a_planned_question_more_than_fourteen_days_late_is_skipped(late: float, expected: str) -> None:
    found = verdict(way="discord_dm", reason="opt_in", opted_in=True, due_at=NOON - days(late))
    assert found[0] == expected


def test_a_pause_does_not_make_a_planned_question_late() -> None:
    held = {"due_at": NOON - days(20), "last_other_prompt_at": NOON - days(90)}
    assert verdict(way="discord_dm", reason="opt_in", opted_in=True, **held) == ("ask", "due")


def test_somebody_gone_quiet_is_waited_for_until_the_question_lapses() -> None:
    gone = {"last_seen_at": NOON - days(20)}
    assert verdict(due_at=NOON - days(20), **gone) == ("wait", "gone_quiet")
    assert verdict(due_at=NOON - days(20)) == ("ask", "due")  # back again
    assert verdict(due_at=NOON - days(30), **gone) == ("lapse", "waited_too_long")


@pytest.mark.parametrize("way", ["discord_dm", "ephemeral"])
def test_the_limits_of_the_docs_page_do_not_hold_elsewhere(way: str) -> None:
    changes = {"dismissals": 5, "first_usage_day": TODAY - days(300)}
    assert verdict(way=way, opted_in=True, **changes)[0] == "ask"


def test_switched_off_nobody_is_asked() -> None:
    off = RULES.model_copy(update={"enabled": False})
    assert verdict(rules=off) == ("wait", "switched_off")


def test_the_demo_asks_at_any_hour() -> None:
    night = NOON.replace(hour=2)
    assert verdict(night, due_at=night, last_seen_at=night, any_hour=True) == ("ask", "due")


def test_all_numbers_are_settings() -> None:
    strict = RULES.model_copy(update={"after_days": 8, "hour_from": 13})
    assert verdict(rules=strict) == ("wait", "not_used_enough")
    assert verdict(rules=strict, first_usage_day=TODAY - days(8)) == ("wait", "asleep")
