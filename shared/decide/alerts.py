"""Checks the alert rules of every site and tells the War Room: fired, updated, resolved.

Each rule is measured beside the writer, so that intake never waits for it; then one small unit decides on the
measurement, stores and enqueues, so that an alert and its post are never apart.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from statistics import median
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.config import AlertRuleSettings, Settings
from shared.decide.alert_rules import Decision, RuleState, evaluate, is_worse
from shared.derive.kpis import INSTALLATION, KPIS, Kpi, Measured, find_kpi, make_figure, measure_between, series_between
from shared.identifiers import new_id
from shared.messages import WAR_ROOM, AlertPost, Notice, Series
from shared.store.database import Store
from shared.store.models import Alert, AlertState
from shared.store.outbox import enqueue

Run = Callable[[Callable[[AsyncSession], Awaitable[int]]], Awaitable[int]]
HOUR = timedelta(hours=1)
WEEKS_COMPARED = 4
CHART_HOURS = 24
MOST_CHART_HOURS = 24 * 7
PHASES: dict[str, Literal["fired", "updated", "resolved"]] = {
    "fire": "fired",
    "update": "updated",
    "resolve": "resolved",
}


async def check_rules(store: Store, settings: Settings, now: datetime, run: Run | None = None) -> int:
    """Evaluates every rule on every site; how many posts came of it. `run` runs a unit, by default in the writer."""
    run = run or store.writer.run
    posts = 0
    if await _has_forgotten(store, settings):
        posts += await run(lambda session: _close_forgotten(session, settings, now))
    for rule, site, zone in _watched(settings):
        async with store.read() as session:
            check = await _measure(session, rule, site, zone, now)
        posts += await run(partial(_follow, check=check, now=now))
    return posts


def unknown_kpis(settings: Settings) -> list[str]:
    """Rules whose metric is not in the catalogue, as sentences; for the check at the start."""
    known = ", ".join(sorted(KPIS))
    return [
        f"alerts: rule {rule.name!r} names the metric {rule.kpi!r}, known are {known}"
        for rule in settings.alerts
        if rule.kpi not in KPIS
    ]


async def open_alerts(session: AsyncSession, site: str | None = None) -> list[Alert]:
    """What fires now, the newest first; of a site this includes the whole installation's."""
    query = select(Alert).where(col(Alert.resolved_at).is_(None)).order_by(col(Alert.fired_at).desc())
    if site is not None:
        query = query.where(col(Alert.site).in_([site, INSTALLATION]))
    return list((await session.execute(query)).scalars())


def window_of(rule: AlertRuleSettings, kpi: Kpi, now: datetime) -> tuple[datetime, datetime]:
    """Whole hours where counts are compared; for rates and levels also the hour that runs."""
    last_hour = now.replace(minute=0, second=0, microsecond=0)
    whole_hours_only = kpi.unit == "count" or rule.compare in ("drop", "rise")
    return last_hour - HOUR * rule.window_hours, last_hour if whole_hours_only else last_hour + HOUR


def weeks_before(moment: datetime, weeks: int, zone: str) -> datetime:
    """The same time of the same weekday on the clocks of the site, which summer time may shift."""
    local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - timedelta(weeks=weeks)
    shifted = local.replace(tzinfo=ZoneInfo(zone)).astimezone(moment.tzinfo)
    return shifted.replace(minute=0, second=0, microsecond=0)


def _watched(settings: Settings) -> Iterator[tuple[AlertRuleSettings, str, str]]:
    """Rule, site, zone; metrics of the whole installation are watched once."""
    for rule in settings.alerts:
        if rule.kpi not in KPIS:
            continue
        if KPIS[rule.kpi].whole_installation:
            yield rule, INSTALLATION, settings.war_room.zone
        else:
            yield from ((rule, site.key, site.zone) for site in settings.all_sites())


@dataclass(frozen=True)
class _Check:
    """One rule on one site, with what was measured."""

    rule: AlertRuleSettings
    kpi: Kpi
    site: str
    observed: Measured
    expected: Measured | None
    chart: Series | None  # only when it was needed by the state that was read with it
    until: datetime


async def _measure(session: AsyncSession, rule: AlertRuleSettings, site: str, zone: str, now: datetime) -> _Check:
    """Everything that is read; the chart only when there will be a post."""
    kpi = find_kpi(rule.kpi)
    since, until = window_of(rule, kpi, now)
    observed = await measure_between(session, kpi.name, site, since, until)
    expected = None
    if rule.compare in ("drop", "rise"):
        expected = await _expected(session, kpi, site, zone, (since, until))
    check = _Check(rule, kpi, site, observed, expected, None, until)
    decision = evaluate(rule, _state_of(*await _load(session, site, rule.name)), observed, expected, now)
    return check if decision.action == "nothing" else replace(check, chart=await _chart(session, check))


async def _follow(session: AsyncSession, check: _Check, now: datetime) -> int:
    """Decides on the state as it is now, stores it and enqueues the post; how many posts there were."""
    stored, alert = await _load(session, check.site, check.rule.name)
    session.add(stored)
    decision = evaluate(check.rule, _state_of(stored, alert), check.observed, check.expected, now)
    if decision.action == "fire":
        alert = _open(session, check, now)
    _store(stored, decision.state, alert, check, now)
    if alert is None:
        return 0
    return int(await _move_on(session, check, alert, decision, now))


async def _expected(
    session: AsyncSession, kpi: Kpi, site: str, zone: str, window: tuple[datetime, datetime]
) -> Measured | None:
    """The median of the same hours of the same weekday in the last weeks that had anything."""
    length, found = window[1] - window[0], []
    for weeks in range(1, WEEKS_COMPARED + 1):
        until = weeks_before(window[1], weeks, zone)
        past = await measure_between(session, kpi.name, site, until - length, until)
        if past.value is not None and past.count > 0:
            found.append(past)
    if not found:
        return None
    value = median(past.value or 0.0 for past in found)
    return Measured(value, None, None, round(median(past.count for past in found)))


async def _load(session: AsyncSession, site: str, rule: str) -> tuple[AlertState, Alert | None]:
    query = select(AlertState).where(AlertState.site == site, AlertState.rule == rule)
    stored = (await session.execute(query)).scalar_one_or_none()
    if stored is None:
        stored = AlertState(site=site, rule=rule)
    if stored.alert_id is None:
        return stored, None
    return stored, (await session.execute(select(Alert).where(Alert.id == stored.alert_id))).scalar_one_or_none()


def _state_of(stored: AlertState, alert: Alert | None) -> RuleState:
    return RuleState(
        breached_since=stored.breached_since,
        clear_since=stored.clear_since,
        quiet_until=stored.quiet_until,
        last_checked_at=stored.last_checked_at,
        alert_id=alert.id if alert else None,
        fired_at=alert.fired_at if alert else None,
        told_at=(alert.updated_post_at or alert.fired_at) if alert else None,
        told_worst=alert.worst_value if alert else None,
    )


def _store(stored: AlertState, state: RuleState, alert: Alert | None, check: _Check, now: datetime) -> None:
    stored.breached_since = state.breached_since
    stored.clear_since = state.clear_since
    stored.quiet_until = state.quiet_until
    stored.alert_id = alert.id if alert and state.fired_at is not None else None
    stored.last_value = check.observed.value
    stored.last_checked_at = now


def _open(session: AsyncSession, check: _Check, now: datetime) -> Alert:
    value = check.observed.value or 0.0
    alert = Alert(
        id=new_id(now),
        site=check.site,
        rule=check.rule.name,
        kpi=check.kpi.name,
        severity=check.rule.severity,
        fired_at=now,
        value_at_fire=value,
        worst_value=value,
        last_value=value,
        expected=check.expected.value if check.expected else None,
        threshold=check.rule.threshold,
    )
    session.add(alert)
    return alert


async def _move_on(session: AsyncSession, check: _Check, alert: Alert, decision: Decision, now: datetime) -> bool:
    """Stores what the decision means for the open alert and enqueues its post; whether there was one."""
    value = check.observed.value
    if value is not None:
        alert.last_value = value
    if decision.action == "nothing":
        return False
    if value is not None and decision.is_breached and is_worse(check.rule, value, alert.worst_value):
        alert.worst_value = value
    if decision.action == "resolve":
        alert.resolved_at = now
    elif decision.action == "update":
        alert.updated_post_at = now
    post = await _write_post(session, check, alert, PHASES[decision.action])
    suffix = now.isoformat() if post.phase == "updated" else post.phase
    row_id = await enqueue(session, post, destination=WAR_ROOM, dedupe_key=f"alert:{alert.id}:{suffix}", now=now)
    if decision.action == "fire":
        alert.outbox_id = row_id
    return row_id is not None


async def _write_post(
    session: AsyncSession, check: _Check, alert: Alert, phase: Literal["fired", "updated", "resolved"]
) -> AlertPost:
    return AlertPost(
        phase=phase,
        alert_id=alert.id,
        site=alert.site,
        rule=check.rule.name,
        severity=check.rule.severity,
        figure=make_figure(check.kpi, check.observed, check.expected),
        compare=check.rule.compare,
        threshold=check.rule.threshold,
        expected=check.expected.value if check.expected else alert.expected,
        window_hours=check.rule.window_hours,
        fired_at=alert.fired_at,
        resolved_at=alert.resolved_at,
        definition=check.kpi.definition,
        chart=check.chart or await _chart(session, check),
        reply_to_outbox=alert.outbox_id,
    )


async def _chart(session: AsyncSession, check: _Check) -> Series:
    """The hours of the window, at least a day; for a change beside the week before."""
    hours = min(max(check.rule.window_hours, CHART_HOURS), MOST_CHART_HOURS)
    since = check.until - HOUR * hours
    points = await series_between(session, check.kpi.name, check.site, since, check.until)
    before = []
    if check.rule.compare in ("drop", "rise"):
        week = timedelta(weeks=1)
        before = await series_between(session, check.kpi.name, check.site, since - week, check.until - week)
    return Series(name=check.kpi.title, unit=check.kpi.unit, points=points, previous=before)


async def _has_forgotten(store: Store, settings: Settings) -> bool:
    watched = {(site, rule.name) for rule, site, _ in _watched(settings)}
    async with store.read() as session:
        return any((alert.site, alert.rule) not in watched for alert in await open_alerts(session))


async def _close_forgotten(session: AsyncSession, settings: Settings, now: datetime) -> int:
    """Ends alerts whose rule or site is gone from the configuration, with a word to the team."""
    watched = {(site, rule.name) for rule, site, _ in _watched(settings)}
    closed = 0
    for alert in await open_alerts(session):
        if (alert.site, alert.rule) in watched:
            continue
        alert.resolved_at = now
        stored = await session.get(AlertState, (alert.site, alert.rule))
        if stored is not None:
            await session.delete(stored)
        notice = Notice(
            site=alert.site,
            title="An alert was closed",
            text=f"The rule {alert.rule} is no longer in the configuration; its alert is not watched any more.",
        )
        await enqueue(session, notice, destination=WAR_ROOM, dedupe_key=f"alert:{alert.id}:forgotten", now=now)
        closed += 1
    return closed
