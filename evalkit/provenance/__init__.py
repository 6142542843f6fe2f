"""Provenance: is a run what it says it is?"""
