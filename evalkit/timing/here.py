"""Which models run on this machine: only these can be looked at while they work."""

from __future__ import annotations

from evalkit.specs import EnsembleSpec, ModelSpec, TransformersSpec


def runs_here(spec: ModelSpec) -> bool:
    """Whether all of the model does: asking another only to look at it would cost requests and show nothing, and a
    part of an ensemble is not the ensemble."""
    if isinstance(spec, EnsembleSpec):
        return all(runs_here(each) for each in spec.members)
    return isinstance(spec, TransformersSpec)
