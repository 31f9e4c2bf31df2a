"""May this person be asked now? The one rule for every way of asking; pure.

Comes in: what the rows say about one waiting prompt and its person. Goes out: ask, wait (the reason says for
what), lapse, skip_late or never. The usage rules (first usage day, usage days, seen lately) hold for people who
became due by usage; who opted in asked for it, and a server's request stands for usage elsewhere.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from shared.config import PromptSettings, zone_of

Way = Literal["web", "ephemeral", "discord_dm", "x_dm"]
Decision = Literal["ask", "wait", "lapse", "never", "skip_late"]
BY_USAGE = "usage"
BY_OPT_IN = "opt_in"
BY_REQUEST = "api"
NEEDS_OPT_IN: frozenset[Way] = frozenset({"discord_dm", "x_dm"})


@dataclass(frozen=True)
class PromptFacts:
    """`today` and the usage days are days of the site; `last_other_prompt_at` leaves this prompt itself out."""

    way: Way
    reason: str
    due_at: datetime
    today: date
    first_usage_day: date | None = None
    usage_days: int = 0
    last_seen_at: datetime | None = None
    last_other_prompt_at: datetime | None = None
    opted_in: bool = False
    opted_out: bool = False
    asked_before: bool = False
    zone: str | None = None
    dismissals: int = 0
    snoozed_until: datetime | None = None
    any_hour: bool = False  # the demo: whoever plays with it is awake


@dataclass(frozen=True)
class Verdict:
    decision: Decision
    reason: str


ASK = Verdict("ask", "due")


def may_ask(facts: PromptFacts, rules: PromptSettings, now: datetime) -> Verdict:
    """The first rule that stands against asking, or "ask"."""
    for rule in (_refuse_for_ever, _give_up, _hold_for_usage, _hold_for_time):
        verdict = rule(facts, rules, now)
        if verdict is not None:
            return verdict
    return ASK


def _refuse_for_ever(facts: PromptFacts, rules: PromptSettings, now: datetime) -> Verdict | None:
    if facts.asked_before:
        return Verdict("never", "asked_before")
    if facts.opted_out:
        return Verdict("never", "opted_out")
    if facts.way == "web" and facts.dismissals >= rules.dismissals:
        return Verdict("never", "dismissed")
    if facts.way == "web" and facts.reason != BY_REQUEST and not _first_seen_lately(facts, rules):
        return Verdict("never", "first_seen_long_ago")
    return None


def _first_seen_lately(facts: PromptFacts, rules: PromptSettings) -> bool:
    if facts.first_usage_day is None:
        return True
    return (facts.today - facts.first_usage_day).days < rules.first_seen_within_days


def _give_up(facts: PromptFacts, rules: PromptSettings, now: datetime) -> Verdict | None:
    if now - facts.due_at >= timedelta(days=rules.lapse_days):
        return Verdict("lapse", "waited_too_long")
    is_late = now - ready_at(facts, rules) > timedelta(days=rules.late_days)
    if is_late and facts.reason != BY_USAGE:  # by usage it was the person who stayed away
        return Verdict("skip_late", "too_late")
    return None


def ready_at(facts: PromptFacts, rules: PromptSettings) -> datetime:
    """When the question could be asked at the earliest, as far as dates go."""
    moments = [facts.due_at]
    if facts.last_other_prompt_at is not None:
        moments.append(facts.last_other_prompt_at + timedelta(days=rules.pause_days))
    if facts.snoozed_until is not None:
        moments.append(facts.snoozed_until)
    return max(moments)


def _hold_for_usage(facts: PromptFacts, rules: PromptSettings, now: datetime) -> Verdict | None:
    if facts.reason != BY_USAGE:
        return None
    if not has_used_enough(facts.first_usage_day, facts.usage_days, facts.today, rules):
        return Verdict("wait", "not_used_enough")
    if facts.last_seen_at is None or now - facts.last_seen_at > timedelta(days=rules.seen_within_days):
        return Verdict("wait", "gone_quiet")
    return None


def has_used_enough(first_usage_day: date | None, usage_days: int, today: date, rules: PromptSettings) -> bool:
    """Whether the first usage day is long enough ago, and whether it did not stay the only one."""
    if first_usage_day is None:
        return False
    return (today - first_usage_day).days >= rules.after_days and usage_days >= rules.usage_days


def _hold_for_time(facts: PromptFacts, rules: PromptSettings, now: datetime) -> Verdict | None:
    if not rules.enabled:
        return Verdict("wait", "switched_off")
    if facts.way in NEEDS_OPT_IN and not facts.opted_in:
        return Verdict("wait", "not_opted_in")
    if facts.due_at > now:
        return Verdict("wait", "not_due")
    if facts.snoozed_until is not None and facts.snoozed_until > now:
        return Verdict("wait", "snoozed")
    if ready_at(facts, rules) > now:
        return Verdict("wait", "asked_lately")
    if not facts.any_hour and not is_waking_hour(facts.zone, rules, now):
        return Verdict("wait", "asleep")
    return None


def time_until_awake(zone: str | None, rules: PromptSettings, now: datetime) -> timedelta:
    """How long it is until we may ask the person; nothing while we may."""
    if is_waking_hour(zone, rules, now):
        return timedelta()
    local = now.astimezone(zone_of(zone, rules.zone))
    morning = local.replace(hour=rules.hour_from, minute=0, second=0, microsecond=0)
    if local.hour >= rules.hour_to:
        morning += timedelta(days=1)  # on the clocks there, whatever they are changed to over night
    return morning.astimezone(now.tzinfo) - now


def is_waking_hour(zone: str | None, rules: PromptSettings, now: datetime) -> bool:
    """Whether it is day for the person: their own zone if known, else the one of the settings."""
    return rules.hour_from <= now.astimezone(zone_of(zone, rules.zone)).hour < rules.hour_to
