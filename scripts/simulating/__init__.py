"""What scripts/simulate does: draws samples whose truth is known, measures them as the gate does, and counts."""
