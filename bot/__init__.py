"""The Discord and X edge."""
