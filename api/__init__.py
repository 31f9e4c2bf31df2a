"""The HTTP edge: intake, JSON API, dashboard."""
