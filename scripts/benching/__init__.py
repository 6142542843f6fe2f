"""What scripts/bench does: times evalkit's own parts, and evalkit beside others, and keeps the figures."""
