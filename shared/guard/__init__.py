"""Who may, how often, with which data."""
