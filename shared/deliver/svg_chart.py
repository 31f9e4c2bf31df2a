"""The first paint of a chart on a page: an SVG made by the server, and its numbers as a table.

Colours come from the page's stylesheet by class (`chart-line`, `chart-previous`, `chart-grid`, `chart-label`,
`chart-value`), so light, dark and a strict content security policy need nothing here. Points carry their value
as `data-` attributes for the script that adds hover.
"""

from collections.abc import Sequence
from html import escape
from itertools import count

from shared.deliver.charts import alt_text, say_time, say_value, time_labels, value_range, value_ticks
from shared.messages import Point, Series

WIDTH, HEIGHT = 760, 260
NARROW_WIDTH, NARROW_LABELS, WIDE_LABELS = 320, 3, 7
LEFT, RIGHT, TOP, BOTTOM = 56, 84, 12, 28
SPARK_WIDTH, SPARK_HEIGHT = 96, 24
DOTS_UP_TO = 31
LABEL_GAP = 15.0
STROKE = 'fill="none" stroke="currentColor"'  # until the stylesheet says better

Place = tuple[float, float]


def svg_chart(
    series: Series, ident: str = "chart", *, last_is_incomplete: bool = False, is_narrow: bool = False
) -> str:
    """A line over time; `ident` must be unique on the page. An incomplete last stretch is dashed.

    The narrow drawing is for phones, where the wide one would have to shrink its letters.
    """
    low, high = value_range(series)
    ticks = value_ticks(low, high, series.unit)
    scale = _Scale(len(series.points), ticks[0], ticks[-1], NARROW_WIDTH if is_narrow else WIDTH)
    name, words = escape(series.name), escape(alt_text(series))
    parts = [
        f'<svg class="chart{" is-narrow" if is_narrow else ""}" viewBox="0 0 {scale.width} {HEIGHT}" role="img" '
        f'data-plot="{LEFT} {scale.width - RIGHT} {TOP} {HEIGHT - BOTTOM}" '
        f'aria-labelledby="{ident}-title {ident}-desc" xmlns="http://www.w3.org/2000/svg">',
        f'<title id="{ident}-title">{name}</title><desc id="{ident}-desc">{words}</desc>',
        *_grid(scale, ticks, series),
        *_previous_line(scale, series),
        *_line(scale, series, last_is_incomplete),
        *_end_labels(scale, series),
        "</svg>",
    ]
    return "".join(parts)


def svg_spark(points: Sequence[Point], words: str) -> str:
    """A sparkline without axes; `words` is its summary for screen readers."""
    known = [point.value for point in points if point.value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    spread, step = (high - low) or 1.0, (SPARK_WIDTH - 4) / max(1, len(points) - 1)
    places = [
        None
        if point.value is None
        else (2 + number * step, SPARK_HEIGHT - 3 - (point.value - low) / spread * (SPARK_HEIGHT - 6))
        for number, point in enumerate(points)
    ]
    lines = "".join(f'<polyline class="chart-line" {STROKE} points="{_join(run)}"/>' for run in _runs(places))
    return (
        f'<svg class="spark" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" width="{SPARK_WIDTH}" '
        f'height="{SPARK_HEIGHT}" role="img" aria-label="{escape(words)}">{lines}</svg>'
    )


def table_rows(series: Series) -> list[tuple[str, str, str]]:
    """When, value and value before, for “Show as table”."""
    before = dict(zip(count(), series.previous, strict=False))
    return [
        (
            say_time(point.at),
            say_value(series.unit, point.value),
            say_value(series.unit, before[number].value) if number in before else "",
        )
        for number, point in enumerate(series.points)
    ]


class _Scale:
    """From place in the series and value to the drawing."""

    def __init__(self, points: int, low: float, high: float, width: int) -> None:
        self.width = width
        self._step = (width - LEFT - RIGHT) / max(1, points - 1)
        self._alone = points == 1
        self._low, self._high = low, high

    def x(self, number: int) -> float:
        return (LEFT + self.width - RIGHT) / 2 if self._alone else LEFT + number * self._step

    def y(self, value: float) -> float:
        share = (value - self._low) / ((self._high - self._low) or 1.0)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def places(self, points: Sequence[Point]) -> list[Place | None]:
        return [
            None if point.value is None else (self.x(number), self.y(point.value))
            for number, point in enumerate(points)
        ]


def _grid(scale: _Scale, ticks: Sequence[float], series: Series) -> list[str]:
    parts = []
    for tick in ticks:
        y = scale.y(tick)
        across = f'x1="{LEFT}" x2="{scale.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
        parts.append(f'<line class="chart-grid" stroke="currentColor" {across}/>')
        parts.append(
            f'<text class="chart-label" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{say_value(series.unit, tick)}</text>"
        )
    most = WIDE_LABELS if scale.width == WIDTH else NARROW_LABELS
    for number, words in time_labels([point.at for point in series.points], most):
        x = f"{scale.x(number):.1f}"
        parts.append(f'<text class="chart-label" x="{x}" y="{HEIGHT - 8}" text-anchor="middle">{words}</text>')
    return parts


def _previous_line(scale: _Scale, series: Series) -> list[str]:
    runs = _runs(scale.places(series.previous[: len(series.points)]))
    return [f'<polyline class="chart-previous" {STROKE} stroke-dasharray="8 3" points="{_join(run)}"/>' for run in runs]


def _line(scale: _Scale, series: Series, last_is_incomplete: bool) -> list[str]:
    places = scale.places(series.points)
    whole = places[:-1] if last_is_incomplete and len(places) > 1 else places
    parts = [f'<polyline class="chart-line" {STROKE} points="{_join(run)}"/>' for run in _runs(whole)]
    if len(whole) < len(places) and (start := places[-2]) and (end := places[-1]):
        parts.append(f'<polyline class="chart-line" {STROKE} stroke-dasharray="2 3" points="{_join([start, end])}"/>')
    if len(places) <= DOTS_UP_TO:
        for point, place in zip(series.points, places, strict=True):
            if place is not None:
                parts.append(
                    f'<circle class="chart-dot" cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="3" '
                    f'data-at="{point.at.isoformat()}" data-value="{point.value:g}"/>'
                )
    return parts


def _end_labels(scale: _Scale, series: Series) -> list[str]:
    """The last value, and “before” at the end of the dashed line; moved apart when they would touch."""
    last = _last_place(scale.places(series.points))
    if last is None:
        return []
    value = next(point.value for point in reversed(series.points) if point.value is not None)
    parts = [_text("chart-value", last[0] + 8, last[1] + 4, say_value(series.unit, value))]
    before = _last_place(scale.places(series.previous[: len(series.points)]))
    if before is not None:
        y = before[1]
        if abs(y - last[1]) < LABEL_GAP:
            fits_below = last[1] + LABEL_GAP < HEIGHT - BOTTOM
            is_below = (y >= last[1] and fits_below) or last[1] - LABEL_GAP < TOP
            y = last[1] + (LABEL_GAP if is_below else -LABEL_GAP)
        parts.append(_text("chart-label", before[0] + 8, y + 4, "before"))
    return parts


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _last_place(places: Sequence[Place | None]) -> Place | None:
    return next((place for place in reversed(places) if place is not None), None)


def _runs(places: Sequence[Place | None]) -> list[list[Place]]:
    """Stretches without a gap; a single point is a short dash, so that it is seen."""
    runs: list[list[Place]] = [[]]
    for place in places:
        if place is None:
            runs.append([])
        else:
            runs[-1].append(place)
    return [run if len(run) > 1 else [(run[0][0] - 2, run[0][1]), (run[0][0] + 2, run[0][1])] for run in runs if run]


def _join(run: Sequence[Place]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
