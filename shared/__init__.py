"""Everything that is not an edge: from taking a fact in to telling the team."""
