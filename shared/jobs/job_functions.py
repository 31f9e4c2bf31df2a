"""The jobs without a platform: each does one bounded step, may run twice, and returns how much it did."""

from shared.decide import alerts, prompts
from shared.deliver import reports
from shared.guard.rate_limits import remove_old_windows
from shared.guard.sessions import remove_ended
from shared.ingest.external_events import end_passed
from shared.jobs.context import JobContext

PROMPTS_AT_ONCE = 20


async def send_due_prompts(context: JobContext) -> int:
    """Hands due questions to delivery, within the caps; none while asking is switched off."""
    if not context.settings.prompts.enabled:
        return 0
    now = context.clock.now()
    return await context.run(
        lambda session: prompts.enqueue_due_prompts(session, context.settings, now, PROMPTS_AT_ONCE)
    )


async def lapse_prompts(context: JobContext) -> int:
    """Gives up questions that waited too long."""
    now = context.clock.now()
    return await context.run(lambda session: prompts.lapse_old(session, context.settings, now))


async def plan_reports(context: JobContext) -> int:
    """Makes the newest ended day and week of each site due, once; how many are new."""
    now, planned = context.clock.now(), 0
    for site in context.settings.all_sites():
        for period in reports.PERIODS:
            planned += await context.run(
                lambda session, site=site, period=period: reports.plan_report(  # type: ignore[misc]
                    session, context.settings, site, period, now
                )
            )
    return planned


async def post_due_reports(context: JobContext) -> int:
    """Builds due summaries outside the writer and hands them to the outbox."""
    now, posted = context.clock.now(), 0
    async with context.store.read() as session:
        due = await reports.due_reports(session, now)
    for report in due:
        site = context.settings.site(report.site)
        if site is None:
            continue
        period: reports.Period = "weekly" if report.kind == "weekly" else "daily"
        async with context.store.read() as session:
            summary = await reports.build_summary(
                session, context.settings, site, period, report.period_start, report.period_end, now
            )
        posted += await context.run(
            lambda session, report=report, summary=summary: reports.post_report(  # type: ignore[misc]
                session, report, summary, now
            )
        )
    return posted


async def check_alerts(context: JobContext) -> int:
    """Evaluates the alert rules of every site; how many posts came of it."""
    return await alerts.check_rules(context.store, context.settings, context.clock.now(), context.run)


async def end_external_alerts(context: JobContext) -> int:
    """Ends the alerts of other systems that were told until a moment that has passed."""
    now = context.clock.now()
    return await context.run(lambda session: end_passed(session, now))


async def purge_old(context: JobContext) -> int:
    """Removes what nobody may use any more: ended sessions and links, old limits, salts of past days."""
    now, rules = context.clock.now(), context.settings.dashboard
    removed = await context.run(lambda session: remove_ended(session, now, rules))
    removed += await context.run(lambda session: remove_old_windows(session, now))
    return removed + await context.hasher.destroy_old()
