"""How sure a share is, and whether two shares or counts differ by more than chance."""

from math import sqrt

Z_95 = 1.959963984540054


def wilson_interval(successes: int, trials: int, z: float = Z_95) -> tuple[float, float] | None:
    """The 95 % interval of a share (Wilson 1927, without continuity correction); None without trials."""
    if trials <= 0:
        return None
    share, shrink = successes / trials, 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / shrink
    half = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / shrink
    return max(0.0, centre - half), min(1.0, centre + half)


def shares_differ(successes: int, trials: int, other_successes: int, other_trials: int, z: float = Z_95) -> bool:
    """Pooled two-proportion z test at 5 %; False where it is undefined."""
    if trials <= 0 or other_trials <= 0:
        return False
    pooled = (successes + other_successes) / (trials + other_trials)
    variance = pooled * (1 - pooled) * (1 / trials + 1 / other_trials)
    if variance <= 0:
        return False
    return abs(successes / trials - other_successes / other_trials) / sqrt(variance) > z


def counts_differ(count: int, other: int, z: float = Z_95) -> bool:
    """Two Poisson counts over equal times: their difference against the root of their sum."""
    return abs(count - other) > z * sqrt(count + other)


def means_differ(mean: float, cases: int, other: float, other_cases: int, spread: float, z: float = Z_95) -> bool:
    """Two means of values with a known standard deviation."""
    if cases <= 0 or other_cases <= 0:
        return False
    return abs(mean - other) > z * spread * sqrt(1 / cases + 1 / other_cases)
