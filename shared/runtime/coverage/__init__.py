"""`warroom coverage`: uses every element of a built docs site in a browser and says which yield no declared event."""

from shared.runtime.coverage.findings import Check, Coverage, Element, UsedPage
from shared.runtime.coverage.report import as_json, print_report
from shared.runtime.coverage.walking import MOST_ELEMENTS, MOST_PAGES, measure_coverage

__all__ = [
    "MOST_ELEMENTS",
    "MOST_PAGES",
    "Check",
    "Coverage",
    "Element",
    "UsedPage",
    "as_json",
    "measure_coverage",
    "print_report",
]
