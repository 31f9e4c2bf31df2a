"""Rules and state machines: whom to ask, what to raise."""
