"""Facts from rows: counts, scores, KPIs."""
