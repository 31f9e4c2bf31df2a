"""Routes, one file per feature; each route says who may use it."""

from api.routes import health, open_api, static_files, track
from api.routing import Route

ALL_ROUTES: list[Route] = [
    *track.ROUTES,
    *health.ROUTES,
    *open_api.ROUTES,
    *static_files.ROUTES,
]
