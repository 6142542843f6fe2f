"""What scripts/bench does: times evalkit's own parts, each in a process of its own, and keeps the figures."""
