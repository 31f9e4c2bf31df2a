"""The way in: check, clean, store, count, react, in one unit of work."""
