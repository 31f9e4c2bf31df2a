"""One file per foreign wire format: what its clients send becomes our events; no I/O here."""
