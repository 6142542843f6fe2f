"""Names to things, of this package and of others."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from evalkit import registry
from evalkit.errors import UsageError, nearest
from evalkit.shipped import shipped

TABLE = {"digest": "evalkit.files:digest_text", "missing": "evalkit.nowhere:thing"}
GROUP = "evalkit.scorers"


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package that adds one name and would like to replace another."""
    points = [
        EntryPoint(name="theirs", value="evalkit.files:digest_value", group=GROUP),
        EntryPoint(name="digest", value="evalkit.files:pretty_json", group=GROUP),
    ]

    def found(group: str, name: str | None = None) -> list[Any]:
        return [each for each in points if each.group == group and name in (None, each.name)]

    monkeypatch.setattr(registry, "entry_points", found)


def test_a_name_of_the_table_is_imported_when_it_is_used() -> None:
    from evalkit.files import digest_text

    assert registry.resolve(GROUP, TABLE, "digest") is digest_text
    assert registry.names(GROUP, TABLE)[:2] == ["digest", "missing"]


@pytest.mark.usefixtures("others")
def test_another_package_adds_names_and_replaces_none() -> None:
    from evalkit.files import digest_text, digest_value

    assert registry.names(GROUP, TABLE) == ["digest", "missing", "theirs"]
    assert registry.resolve(GROUP, TABLE, "theirs") is digest_value
    assert registry.resolve(GROUP, TABLE, "digest") is digest_text


@pytest.mark.usefixtures("others")
def test_an_unknown_name_has_a_nearest_one() -> None:
    with pytest.raises(UsageError) as refused:
        registry.resolve(GROUP, TABLE, "thiers")
    assert str(refused.value) == 'error: there is no scorer called "thiers"\n  help: did you mean "theirs"?'


def test_a_table_line_that_points_nowhere_is_loud() -> None:
    with pytest.raises(ModuleNotFoundError):
        registry.resolve(GROUP, TABLE, "missing")


def test_the_nearest_name_or_a_short_list() -> None:
    many = [f"name{index}" for index in range(20)]
    assert nearest("gold", ["cold", "edge-case"]) == 'did you mean "cold"?'
    assert nearest("zzz", ["a", "b"]) == "known: a, b"
    assert nearest("zzz", many) == f"known: {', '.join(many[:8])}, and 12 more"
    assert nearest("zzz", []) == "there is none to choose from"


def test_what_is_shipped_lies_where_it_is_said() -> None:
    assert all(path.is_file() for path in shipped("policies").values())
    assert all((path / "suite.yaml").is_file() for path in shipped("suites").values())
