"""Buttons and modals that survive a restart."""
