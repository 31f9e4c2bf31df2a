"""The catalogue of events: what Warroom knows by name, what a team declares, and how an event is judged by it."""

from shared.event_catalogue.built_in import (
    CATALOGUE,
    CLICK,
    CODE_COPY,
    CONVERSION,
    ENGAGEMENT,
    EXPOSURE,
    FILE_DOWNLOAD,
    OUTBOUND_CLICK,
    PAGE_VIEW,
    SCRIPT_ERROR,
    SEQUENCE_STEP,
    SITE_SEARCH,
    WEB_VITAL,
)
from shared.event_catalogue.declaration import declare, type_of
from shared.event_catalogue.definitions import BUILT_IN_OWNER, EventDefinition, Property, PropertyType, Sensitivity
from shared.event_catalogue.judging import DECLARED, UNDECLARED, Catalogue, Judgement, Verdict

__all__ = [
    "BUILT_IN_OWNER",
    "CATALOGUE",
    "CLICK",
    "CODE_COPY",
    "CONVERSION",
    "DECLARED",
    "ENGAGEMENT",
    "EXPOSURE",
    "FILE_DOWNLOAD",
    "OUTBOUND_CLICK",
    "PAGE_VIEW",
    "SCRIPT_ERROR",
    "SEQUENCE_STEP",
    "SITE_SEARCH",
    "UNDECLARED",
    "WEB_VITAL",
    "Catalogue",
    "EventDefinition",
    "Judgement",
    "Property",
    "PropertyType",
    "Sensitivity",
    "Verdict",
    "declare",
    "type_of",
]
