"""Every recurring job of the leader: name, function, period, jitter and time limit."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.jobs import job_functions
from shared.jobs.context import JobContext
from shared.jobs.purging import purge_old_rows

JobFunction = Callable[[JobContext], Awaitable[int]]


@dataclass(frozen=True)
class Job:
    """`function` does one bounded step, may be run twice, and returns how much it did."""

    name: str
    function: JobFunction
    period_seconds: float
    jitter_seconds: int = 0
    timeout_seconds: float = 30.0
    meaning: str = ""


JOBS = (
    Job(
        "send-due-prompts",
        job_functions.send_due_prompts,
        10,
        meaning="hands due questions to delivery, within the caps",
    ),
    Job("lapse-prompts", job_functions.lapse_prompts, 600, meaning="gives up questions that waited too long"),
    Job("plan-reports", job_functions.plan_reports, 60, meaning="makes the newest ended period due, once"),
    Job("post-reports", job_functions.post_due_reports, 30, meaning="builds due summaries and hands them to delivery"),
    Job("check-alerts", job_functions.check_alerts, 30, meaning="evaluates the alert rules of every site"),
    Job(
        "end-external-alerts",
        job_functions.end_external_alerts,
        60,
        meaning="ends alerts of other systems that fire only until a moment that has passed",
    ),
    Job(
        "purge-old-rows",
        purge_old_rows,
        3600,
        300,
        300,
        "removes rows that are older than [retention] allows, in batches, and people not seen for long",
    ),
    Job("purge", job_functions.purge_old, 3600, 60, 120, "removes ended sessions, links, limits and salts"),
)


def find_job(name: str) -> Job | None:
    return next((job for job in JOBS if job.name == name), None)
