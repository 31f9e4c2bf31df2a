"""Channels that leave through HTTP."""
