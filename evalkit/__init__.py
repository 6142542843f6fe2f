"""evalkit: may this student replace its teacher?

It runs a teacher and a student on the same examples, pairs their outputs, and turns paired intervals into a verdict.
Importing this package loads nothing heavy; `evalkit.pipeline` is the table of contents.
"""

__version__ = "0.1.0"
