"""The two operator commands behind `warroom import`: rows of events, and counters of whole days."""

from collections.abc import Mapping
from typing import Any

from shared.config import SiteSettings
from shared.errors import FieldProblem, InvalidInput
from shared.ingest.imports import ImportIntake
from shared.runtime.build import Runtime


async def import_events(runtime: Runtime, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What became of rows of events; with `dry` what would."""
    site, salt = _site_of(runtime, arguments), bytes.fromhex(str(arguments["salt"]))
    taken = await _intake(runtime).take_events(site, arguments["rows"], salt, dry=bool(arguments["dry"]))
    return taken.as_data()


async def import_days(runtime: Runtime, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What became of counters of days; with `dry` what would."""
    site, source = _site_of(runtime, arguments), str(arguments["source"])
    taken = await _intake(runtime).take_days(site, source, arguments["rows"], dry=bool(arguments["dry"]))
    return taken.as_data()


def _intake(runtime: Runtime) -> ImportIntake:
    return ImportIntake(
        runtime.settings, runtime.clock, runtime.store, runtime.meter, runtime.events.custom, runtime.instance_key
    )


def _site_of(runtime: Runtime, arguments: Mapping[str, Any]) -> SiteSettings:
    site = runtime.settings.site(str(arguments["site"]))
    if site is None:
        raise InvalidInput(
            f"There is no site {arguments['site']!r}.", [FieldProblem("site", "not in the configuration")]
        )
    return site
