"""The catalogue of metrics: name, unit, direction, definition, and from which counters each is made.

Tile, slash command, report, alert and API read this one list, so they show the same words and numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from shared.derive.rollups.intake import COVERAGE, SCHEMA

Unit = Literal["count", "share", "score", "ms", "compound"]
Direction = Literal["up", "down", "none"]


@dataclass(frozen=True)
class Part:
    """One sum over rollups: a measure, its `count` or `total`, of all keys or of some."""

    measure: str
    field: Literal["count", "total"] = "count"
    key: str | None = None
    key_ending: str | None = None

    def holds(self, measure: str, key: str) -> bool:
        if measure != self.measure or (self.key is not None and key != self.key):
            return False
        return self.key_ending is None or key.endswith(self.key_ending)


@dataclass(frozen=True)
class Kpi:
    """`upper` alone is a count; with `lower` a ratio; with `quantile` a quantile of a histogram in `upper`."""

    name: str
    title: str
    unit: Unit
    direction: Direction  # which way is better
    definition: str
    nothing: str  # why there is no value when there is none
    upper: Part
    lower: Part | None = None
    quantile: float | None = None
    whole_installation: bool = False  # about Warroom itself, not about one site
    latest: bool = False  # a state: of the newest day up to the end of the period that has one, however long ago

    @property
    def measures(self) -> frozenset[str]:
        return frozenset(part.measure for part in (self.upper, self.lower) if part is not None)


def _by_name(kpis: Iterable[Kpi]) -> dict[str, Kpi]:
    return {kpi.name: kpi for kpi in kpis}


_DAILY = "Without the visitor id a visitor is new each day, so several days add up daily visitors."
_INTAKE = "Counted for the whole installation, not for one site."

KPIS: dict[str, Kpi] = _by_name(
    (
        Kpi(
            "visitors",
            "Visitors",
            "count",
            "up",
            f"Visitors seen on each day, added up. {_DAILY}",
            "no visitors in this period",
            Part("visitor_day"),
        ),
        Kpi(
            "page_views",
            "Page views",
            "count",
            "up",
            "Pages shown to visitors. Known bots and visitors who opted out are not counted.",
            "no page views in this period",
            Part("page_view"),
        ),
        Kpi(
            "engaged_time",
            "Engaged time",
            "ms",
            "up",
            "Time pages were visible and used, divided by page views: a mean per view, not a median.",
            "no page views in this period",
            Part("engaged_ms", "total"),
            Part("page_view"),
        ),
        Kpi(
            "sequence_completion",
            "Tutorials finished",
            "share",
            "up",
            "Tutorials finished divided by tutorials started, all sequences together.",
            "no tutorial was started in this period",
            Part("sequence_done"),
            Part("sequence_started"),
        ),
        Kpi(
            "ctr",
            "Click-through rate",
            "share",
            "up",
            "Views with a click on a marked element divided by views of pages that have one. A view counts once.",
            "no view of a page with a marked element in this period",
            Part("clicked_view"),
            Part("marked_view"),
        ),
        Kpi(
            "conversion_rate",
            "Conversion rate",
            "share",
            "up",
            f"Visitor-days with a goal reached divided by all visitor-days. {_DAILY}",
            "no visitors in this period",
            Part("converted_day"),
            Part("visitor_day"),
        ),
        Kpi(
            "helpful_share",
            "Found it helpful",
            "share",
            "up",
            "Answers “yes” to “Was this page helpful?” divided by all answers to it (scores of the scale 0 to 1).",
            "nobody answered “Was this page helpful?” in this period",
            Part("score", "total", key="0-1"),
            Part("score", key="0-1"),
        ),
        Kpi(
            "feedback_count",
            "Feedback",
            "count",
            "up",
            "Everything people told us: scores, texts or both, from every source.",
            "no feedback in this period",
            Part("feedback"),
        ),
        Kpi(
            "mean_score",
            "Mean score (1 to 5)",
            "score",
            "up",
            "Mean of the scores given on the scale 1 to 5. Other scales are never mixed in.",
            "no score on the scale 1 to 5 in this period",
            Part("score", "total", key="1-5"),
            Part("score", key="1-5"),
        ),
        Kpi(
            "mean_sentiment",
            "Mean sentiment",
            "compound",
            "up",
            "Mean compound score of the English texts that were scored, from -1 (very negative) to 1 (very positive).",
            "no text was scored in this period",
            Part("scored", "total"),
            Part("scored"),
        ),
        Kpi(
            "share_negative",
            "Negative share",
            "share",
            "down",
            "Feedback labelled negative, or without a scored text a low score (1-2 of 5, 0-6 of 10, 1-3 of 7, "
            "0 of 0-1), divided by all feedback that has a scored text or a score.",
            "no feedback with a scored text or a score in this period",
            Part("negative"),
            Part("judged"),
        ),
        Kpi(
            "schema_validity",
            "Events as declared",
            "share",
            "up",
            "Events that are in the catalogue and as it declares them, divided by all events that no other rule left "
            "out. Repeats count too.",
            "no events in this period",
            Part(SCHEMA, key="declared"),
            Part(SCHEMA),
        ),
        Kpi(
            "coverage",
            "Elements covered",
            "share",
            "up",
            "Links, buttons, forms and tutorial steps that yield the declared event that they should, divided by all "
            "that the last run of warroom coverage found, up to the end of the period. A page that it did not look at "
            "counts as one.",
            "warroom coverage has not been run for this site",
            Part(COVERAGE, key="covered"),
            Part(COVERAGE, key="element"),
            latest=True,
        ),
        Kpi(
            "intake_error_rate",
            "Intake errors",
            "share",
            "down",
            f"Answers 5xx of our own intake routes divided by all their answers. {_INTAKE}",
            "the intake routes answered nothing in this period",
            Part("answer", key_ending=":5xx"),
            Part("answer"),
            whole_installation=True,
        ),
        Kpi(
            "ingestion_lag_p95",
            "Ingestion lag (95 %)",
            "ms",
            "down",
            "Time from receiving to storing that 95 % of the requests do not exceed, as the upper bound of its class "
            f"of times. {_INTAKE}",
            "nothing was stored in this period",
            Part("lag_ms"),
            quantile=0.95,
            whole_installation=True,
        ),
    )
)
