"""Real HTTP servers on loopback: a deterministic model, and what goes wrong with servers."""
