"""The store: rows and units of work on SQLite or PostgreSQL."""
