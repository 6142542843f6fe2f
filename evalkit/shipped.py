"""Where the suites and named policies that come with evalkit lie: in the wheel, or in the checkout."""

from __future__ import annotations

from pathlib import Path


def shipped(kind: str) -> dict[str, Path]:
    """Name to path of what is shipped: `policies` (YAML files) or `suites` (folders with a suite.yaml)."""
    package = Path(__file__).resolve().parent
    for root in (package / "_shipped", package.parent / "suites"):
        if not root.is_dir():
            continue
        if kind == "policies":
            return {path.stem: path for path in sorted((root / "policies").glob("*.yaml"))}
        return {path.parent.name: path.parent for path in sorted(root.glob("*/suite.yaml"))}
    return {}
