"""Reports of runs that were drawn by lot, to be looked at: each situation that a reader may find himself in."""
