"""Measures of our own intake: they have no raw rows, so a rebuild leaves them alone.

For the events of each site, and of the installation for what belongs to no site:
received = stored + repeated + the sum of the drops by reason.
"""

from shared.store import models

ANSWER = "answer"  # key "<route>:<2xx|4xx|5xx>"
LAG = "lag_ms"  # key = upper bound of the bucket in milliseconds
RECEIVED = "received"  # events
STORED = "stored"
REPEATED = "repeated"  # stored before under the same id
DROP = "drop"  # key = reason
SCHEMA = "schema"  # key "declared", "undeclared" or "invalid": what the catalogue says of events within the limits
IGNORED_FIELD = (
    "ignored_field"  # of events and feedback that were taken without them: fields nobody knows, cut, too many
)
FEEDBACK_DROP = "feedback_drop"  # key = reason
UNDECLARED = models.UNDECLARED
UNDECLARED_PROPERTY = models.UNDECLARED_PROPERTY
USAGE = "api_usage"  # key "<method> <route>|<status>|<id of the key>"
USAGE_MS = "api_usage_ms"  # key "<method> <route>|<upper bound of the bucket in milliseconds>"
TOLD_ALERT = "told_alert"  # key "received", or what became of it: "stored", "repeated", "invalid", "limit" …
COVERAGE = "coverage"  # key "element", "covered" or "own": the last run of `warroom coverage` of a day
COVERAGE_MISS = "coverage_miss"  # key = an element that does not yield its event

INTAKE_MEASURES = frozenset(
    {
        ANSWER,
        LAG,
        RECEIVED,
        STORED,
        REPEATED,
        DROP,
        SCHEMA,
        IGNORED_FIELD,
        FEEDBACK_DROP,
        UNDECLARED,
        UNDECLARED_PROPERTY,
        USAGE,
        USAGE_MS,
        TOLD_ALERT,
        COVERAGE,
        COVERAGE_MISS,
    }
)
