"""Measures of our own intake: they have no raw rows, so a rebuild leaves them alone."""

ANSWER = "answer"  # key "<route>:<2xx|4xx|5xx>"
DROP = "drop"  # key = reason
LAG = "lag_ms"  # key = upper bound of the bucket in milliseconds

INTAKE_MEASURES = frozenset({ANSWER, DROP, LAG})
