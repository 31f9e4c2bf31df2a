"""The way out: claim, send, mark; and how messages look."""
