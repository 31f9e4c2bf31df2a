"""Reference numbers come from the sources named beside them."""

import pytest

from shared.stats.proportions import counts_differ, means_differ, shares_differ, wilson_interval


def test_wilson_interval_matches_newcombe():
    # Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3: 81/263, 15/148, 0/20, 1/29
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=1e-4)


def test_wilson_interval_needs_cases():
    assert wilson_interval(0, 0) is None


def test_shares_differ_only_beyond_chance():
    # statsmodels proportions_ztest([220, 260], [2000, 2010]): p = 0.062
    assert not shares_differ(220, 2000, 260, 2010)
    assert shares_differ(220, 2000, 280, 2010)  # p = 0.006
    assert not shares_differ(0, 10, 0, 10)
    assert not shares_differ(1, 1, 0, 0)


def test_counts_differ_only_beyond_chance():
    assert not counts_differ(100, 120)
    assert counts_differ(100, 140)
    assert not counts_differ(0, 0)


def test_means_differ_only_beyond_chance():
    assert means_differ(0.3, 100, 0.1, 100, spread=0.5)
    assert not means_differ(0.3, 10, 0.1, 10, spread=0.5)
    assert not means_differ(0.3, 0, 0.1, 10, spread=0.5)
