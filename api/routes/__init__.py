"""Routes, one file per feature; each route says who may use it."""

from api.routes import (
    alertmanager,
    dashboard_feedback,
    dashboard_overview,
    dashboard_settings,
    dashboard_sign_in,
    dashboard_war_room,
    demo,
    feedback,
    health,
    open_api,
    plausible,
    posthog,
    privacy,
    prompts,
    segment,
    static_files,
    track,
    umami,
)
from api.routing import Route

ALL_ROUTES: list[Route] = [
    *track.ROUTES,
    *plausible.ROUTES,
    *segment.ROUTES,
    *posthog.ROUTES,
    *umami.ROUTES,
    *alertmanager.ROUTES,
    *demo.ROUTES,
    *feedback.ROUTES,
    *privacy.ROUTES,
    *prompts.ROUTES,
    *health.ROUTES,
    *open_api.ROUTES,
    *static_files.ROUTES,
    *dashboard_sign_in.ROUTES,
    *dashboard_overview.ROUTES,
    *dashboard_war_room.ROUTES,
    *dashboard_feedback.ROUTES,
    *dashboard_settings.ROUTES,
]
