"""The events that Warroom itself sends and counts."""

from shared.event_catalogue.definitions import EventDefinition, Property

PAGE_VIEW = "page_view"
CLICK = "click"
OUTBOUND_CLICK = "outbound_click"
FILE_DOWNLOAD = "file_download"
CODE_COPY = "code_copy"
SITE_SEARCH = "site_search"
ENGAGEMENT = "engagement"
SEQUENCE_STEP = "sequence_step"
EXPOSURE = "exposure"
CONVERSION = "conversion"
WEB_VITAL = "web_vital"
SCRIPT_ERROR = "script_error"

_ELEMENT = Property("element", "text", "a selector that stays the same from build to build, at most 200 characters")

CATALOGUE: dict[str, EventDefinition] = {
    definition.name: definition
    for definition in (
        EventDefinition(
            PAGE_VIEW,
            "A page was shown to a visitor.",
            fields=("view", "page", "title", "referrer", "marked"),
            required=("page",),
            properties=(
                Property(
                    "kind",
                    "choice",
                    "how the page came to be shown",
                    sensitivity="public",
                    choices=("load", "navigate", "back_forward_cache", "prerender"),
                ),
                Property("source", "text", "where the visit came from, as its link said (`utm_source`)"),
                Property("medium", "text", "by which kind of link (`utm_medium`)"),
                Property("campaign", "text", "for which campaign (`utm_campaign`)"),
            ),
            version=2,
        ),
        EventDefinition(
            CLICK,
            "Something on a page was clicked.",
            fields=("view", "page", "target", "marked"),
            properties=(
                _ELEMENT,
                Property("x", "integer", "from the left, in thousandths of the viewport's width", sensitivity="public"),
                Property("y", "integer", "from the top, in thousandths of the viewport's height", sensitivity="public"),
                Property("width", "integer", "width of the viewport, in pixels", sensitivity="public"),
            ),
            version=2,
        ),
        EventDefinition(
            OUTBOUND_CLICK,
            "A link to another site was followed; `target` is its host.",
            fields=("view", "page", "target", "marked"),
            properties=(_ELEMENT,),
        ),
        EventDefinition(
            FILE_DOWNLOAD,
            "A link to a file was followed; `target` is its path.",
            fields=("view", "page", "target", "marked"),
            properties=(_ELEMENT,),
        ),
        EventDefinition(
            CODE_COPY, "The text of a code block was copied.", fields=("view", "page"), properties=(_ELEMENT,)
        ),
        EventDefinition(
            SITE_SEARCH,
            "Somebody searched the docs. Sent only where the owner switched it on.",
            fields=("view", "page"),
            properties=(
                Property("term", "text", "what was searched for", required=True, sensitivity="free text"),
                Property("results", "integer", "how many results were shown", sensitivity="public"),
            ),
        ),
        EventDefinition(
            ENGAGEMENT,
            "Time a page was visible and used, and how deep it was scrolled. May repeat for one view: "
            "times add up, the deepest scroll counts.",
            fields=("view", "page", "engaged_ms", "scroll_percent"),
            required=("engaged_ms",),
            properties=(
                Property(
                    "unsent", "integer", "beacons of the view that the browser could not send", sensitivity="public"
                ),
            ),
            version=2,
        ),
        EventDefinition(
            SEQUENCE_STEP,
            "A step of a tutorial was reached; `done` when it was finished.",
            fields=("view", "page", "sequence", "step", "steps", "done"),
            required=("sequence", "step"),
        ),
        EventDefinition(
            EXPOSURE,
            "A visitor met a variant of an experiment.",
            fields=("view", "page", "experiment", "variant"),
            required=("experiment", "variant"),
        ),
        EventDefinition(
            CONVERSION,
            "A goal was reached. `value_cents` is in the minor unit of `currency`; different currencies are never "
            "added up.",
            fields=("view", "page", "goal", "value_cents", "currency", "experiment", "variant"),
            required=("goal",),
        ),
        EventDefinition(
            WEB_VITAL,
            "How quickly and calmly a page came up, measured in the visitor's browser.",
            fields=("view", "page"),
            properties=(
                Property(
                    "metric",
                    "choice",
                    "which of the web vitals",
                    required=True,
                    sensitivity="public",
                    choices=("LCP", "CLS", "INP", "FCP", "TTFB"),
                ),
                Property("value", "number", "milliseconds; CLS has no unit", required=True, sensitivity="public"),
                _ELEMENT,
            ),
        ),
        EventDefinition(
            SCRIPT_ERROR,
            "A script of the page failed.",
            fields=("view", "page"),
            properties=(
                Property("message", "text", "what the browser said", required=True, sensitivity="free text"),
                Property("source", "text", "address of the script, without its query", sensitivity="free text"),
                Property("line", "integer", "line in it", sensitivity="public"),
                Property("count", "integer", "how often since the last report", sensitivity="public"),
            ),
        ),
    )
}
