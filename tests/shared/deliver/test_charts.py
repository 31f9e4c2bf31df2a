"""Pictures, their words, and the SVG of the first paint."""

import struct
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree

import pytest

from shared.deliver.charts import alt_text, draw_chart, time_labels, value_ticks
from shared.deliver.svg_chart import svg_chart, svg_spark, table_rows
from shared.messages import Point, Series

START = date(2026, 2, 9)
HOUR = datetime(2026, 3, 10, 12, tzinfo=UTC)


def make_series(*values: float | None, unit: str = "count", previous: tuple[float | None, ...] = ()) -> Series:
    def points(numbers: tuple[float | None, ...]) -> list[Point]:
        return [Point(at=START + timedelta(days=n), value=value) for n, value in enumerate(numbers)]

    return Series(name="Page views", unit=unit, points=points(values), previous=points(previous))


SHAPES = [
    make_series(),
    make_series(None, None),
    make_series(3),
    make_series(0, 0, 0),
    make_series(1, None, 5, None, 2),
    make_series(-0.5, 0.1, 0.9, unit="compound"),
    make_series(1e9, 2e9, previous=(1e9, None)),
    make_series(0.00001, 0.00002, unit="share"),
    make_series(5, 3_600_000, unit="ms"),
    make_series(*range(400), previous=tuple(range(400))),
    Series(name="<b>$x$</b>", unit="count", points=[Point(at=HOUR + timedelta(hours=n), value=n) for n in range(30)]),
]


@pytest.mark.parametrize("series", SHAPES)
def test_every_shape_is_drawn_as_a_png(series):
    picture = draw_chart(series.model_dump(mode="json"), "A title with $ and <tags>")
    assert picture.startswith(b"\x89PNG")
    assert struct.unpack(">II", picture[16:24]) == (1200, 540)


@pytest.mark.parametrize("series", SHAPES)
def test_every_shape_is_valid_svg_with_title_and_description(series):
    root = ElementTree.fromstring(svg_chart(series, "c1", last_is_incomplete=True))
    space = {"svg": "http://www.w3.org/2000/svg"}
    assert root.attrib["role"] == "img"
    assert root.findtext("svg:title", namespaces=space) == series.name
    assert root.findtext("svg:desc", namespaces=space) == alt_text(series)
    assert "style" not in {key for element in root.iter() for key in element.attrib}


def test_dark_is_another_picture():
    series = make_series(1, 2, 3).model_dump(mode="json")
    assert draw_chart(series, "x") != draw_chart(series, "x", True)


@pytest.mark.parametrize(
    ("series", "words"),
    [
        (make_series(), "Page views: no values in this period."),
        (make_series(None, 7), "Page views: 7 on 10 Feb."),
        (make_series(4, 4), "Page views from 9 Feb to 10 Feb: about level, from 4 to 4."),
        (
            make_series(1, 9, 5),
            "Page views from 9 Feb to 11 Feb: rising from 1 to 5; highest 9 on 10 Feb, lowest 1 on 9 Feb.",
        ),
    ],
)
def test_a_chart_is_said_in_one_sentence(series, words):
    assert alt_text(series) == words


@pytest.mark.parametrize(
    ("low", "high", "unit"),
    [
        (0, 1, "count"),
        (0, 3, "count"),
        (0, 1212, "count"),
        (0, 0.75, "share"),
        (-0.2, 0.6, "compound"),
        (0, 84e3, "ms"),
    ],
)
def test_an_axis_has_four_to_six_round_gridlines_that_enclose_the_values(low, high, unit):
    ticks = value_ticks(low, high, unit)
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 6


def test_stored_midnights_stay_moments():
    hours = Series(name="x", unit="count", points=[Point(at=HOUR + timedelta(hours=n), value=1) for n in range(24)])
    again = Series.model_validate(hours.model_dump(mode="json"))
    assert again == hours
    assert [text for _, text in time_labels([point.at for point in again.points])][3] == "00:00"


def test_time_labels_are_few_and_spread():
    days = [START + timedelta(days=n) for n in range(28)]
    assert [text for _, text in time_labels(days)][:3] == ["9 Feb", "13 Feb", "17 Feb"]
    assert time_labels([]) == []


def test_a_gap_splits_the_line_and_the_incomplete_end_is_dashed():
    drawn = svg_chart(make_series(1, 2, None, 3, 4), last_is_incomplete=True)
    assert drawn.count('<polyline class="chart-line"') == 3
    assert drawn.count('stroke-dasharray="2 3"') == 1


def test_names_are_escaped():
    hostile = Series(name='<script>"&', unit="count", points=[])
    assert "<script>" not in svg_chart(hostile)
    assert "<script>" not in svg_spark([], '"><script>')


def test_the_table_has_the_period_before():
    rows = table_rows(make_series(1, None, previous=(5,)))
    assert rows == [("9 Feb", "1", "5"), ("10 Feb", "–", "")]


def test_a_sparkline_has_words_instead_of_axes():
    drawn = svg_spark(make_series(1, 2, None, 3).points, "rising from 1 to 3")
    assert 'aria-label="rising from 1 to 3"' in drawn
    assert drawn.count("<polyline") == 2
