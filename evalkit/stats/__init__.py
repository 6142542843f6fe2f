"""Statistics: arrays in, numbers out.

Nothing here knows what an example, a metric or a model is, and nothing here imports evalkit outside this room.
Only numpy and the standard library are imported at the top of a file: scipy and statsmodels are imported inside the
functions that need them, so that a command that computes nothing starts fast.
"""
