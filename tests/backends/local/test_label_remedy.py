"""What is advised where a classifier's labels are not the suite's: never to call other classes by the suite's names."""

from __future__ import annotations

import pytest

from evalkit.backends.local.kinds import label_order, label_remedy

RENAME = "set id2label in the model's config.json to the suite's labels"


def advised(names: tuple[str, ...], labels: tuple[str, ...]) -> str:
    id2label = dict(enumerate(names))
    with pytest.raises(ValueError, match=r"."):
        label_order(id2label, labels)
    return label_remedy(id2label, labels)


def test_a_model_of_other_classes_is_not_to_be_renamed() -> None:
    assert advised(("a", "b", "c", "d"), ("x", "y", "z")) == (
        "this model was trained for other classes than this suite asks about: name another suite, or list the model's "
        "classes as labels"
    )


def test_a_model_with_one_class_more_cannot_be_renamed() -> None:
    said = advised(("x", "y", "z", "d"), ("x", "y", "z"))
    assert "id2label" not in said
    assert "list the model's classes as the suite's labels" in said


@pytest.mark.parametrize(
    ("names", "labels", "said"),
    [
        (("x", "y", "z"), ("x", "y"), r"^it also knows 'z' \(0 missing, 1 extra\)$"),
        (("x", "y"), ("x", "y", "z"), r"^it lacks 'z' \(1 missing, 0 extra\)$"),
    ],
)
def test_classes_on_one_side_only_are_named(names: tuple[str, ...], labels: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        label_order(dict(enumerate(names)), labels)


@pytest.mark.parametrize("names", [("a", "b", "c"), ("x", "y", "Z")])
def test_with_as_many_classes_they_may_be_the_same_by_other_names(names: tuple[str, ...]) -> None:
    said = advised(names, ("x", "y", "z"))
    assert said.startswith(f"if these are the same classes by other names, {RENAME}")
    assert "name another suite" in said


def test_a_model_without_names_is_told_where_they_belong() -> None:
    assert "id2label" in advised(("LABEL_0", "LABEL_1"), ("x", "y", "z"))


def test_two_outputs_of_one_name_are_to_be_told_apart() -> None:
    assert "a name of its own for each output" in advised(("x", "x", "y"), ("x", "y"))
