"""The operator commands behind `warroom import`: up to which day, rows of events, and counters of whole days."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from shared.config import SiteSettings
from shared.errors import FieldProblem, InvalidInput
from shared.ingest.imports import Import, ImportIntake
from shared.runtime.build import Runtime


async def find_import_span(runtime: Runtime, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The last day that can be imported without counting twice, and the first day with events of its own."""
    span = await _intake(runtime).find_span(_site_of(runtime, arguments))
    return {"until": str(span.until), "first_own_day": str(span.first_own_day) if span.first_own_day else None}


async def import_events(runtime: Runtime, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What became of rows of events; with `dry` what would."""
    return (await _intake(runtime).take_events(_import_of(runtime, arguments), arguments["rows"])).as_data()


async def import_days(runtime: Runtime, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What became of counters of days; with `dry` what would."""
    return (await _intake(runtime).take_days(_import_of(runtime, arguments), arguments["rows"])).as_data()


def _intake(runtime: Runtime) -> ImportIntake:
    return ImportIntake(runtime.settings, runtime.clock, runtime.store, runtime.meter, runtime.instance_key)


def _import_of(runtime: Runtime, arguments: Mapping[str, Any]) -> Import:
    return Import(
        site=_site_of(runtime, arguments),
        source=str(arguments["source"]),
        until=date.fromisoformat(str(arguments["until"])),
        dry=bool(arguments["dry"]),
        salt=bytes.fromhex(str(arguments["salt"])),
    )


def _site_of(runtime: Runtime, arguments: Mapping[str, Any]) -> SiteSettings:
    site = runtime.settings.site(str(arguments["site"]))
    if site is None:
        raise InvalidInput(
            f"There is no site {arguments['site']!r}.", [FieldProblem("site", "not in the configuration")]
        )
    return site
