"""What scripts/real-pair does: trains a real teacher and two students, and gates them and recorded pairs."""
