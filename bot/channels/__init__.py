"""Channels that leave through Discord and X."""
