"""Commands, one file per feature."""
