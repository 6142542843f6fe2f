"""YAML that a user wrote: strict, and every value remembers its line.

Read as YAML 1.2 reads it, with one exception that is refused aloud: a bare `no`, `yes`, `on` or `off`
is a boolean to half of the world's parsers and a word to the other half (docs/adr/0005).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from evalkit.errors import Complaint, Place, UsageError, nearest

if TYPE_CHECKING:
    import pydantic
    import yaml

Key = tuple[str | int, ...]

# Every alias counts again: a file of ten lines can stand for a billion values.
_MOST = 100_000
# Longer ones are no numbers that a plan could need, and Python refuses to read them.
_DIGITS = 400
_TAG = "tag:yaml.org,2002:"
_WORDS = frozenset({"str", "int", "float", "bool", "null", "timestamp", "merge", "value"})
# Not `y` and `n`: the old standard names them too, but no common parser obeys, and `y` is what half the world calls
# its target column.
_TRAPS = frozenset({"yes", "no", "on", "off"})
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]+)?\Z")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass(frozen=True)
class Document:
    """A file's data, with the place of every key and item in it."""

    path: Path
    text: str
    data: Any
    places: Mapping[Key, Place] = field(repr=False)

    def place(self, *key: str | int) -> Place:
        """Where `key` stands; the nearest enclosing place that is known when it is not there itself.

        Parts that the file does not have (the names of a union's members, say) are stepped over.
        """
        known: Key = ()
        for part in key:
            if (*known, part) in self.places:
                known = (*known, part)
        found = self.places.get(known)
        line = found.line if found is not None else None
        return Place(file=str(self.path), line=line, key=key_text(key) or None)


def key_text(key: Key) -> str:
    """`("criteria", 2, "metric")` as a reader writes it: `criteria[2].metric`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def read(path: Path) -> Document:
    """Parse a file. Raises UsageError with every complaint: unreadable, not YAML, traps, repeated keys."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            Complaint(
                problem=f"there is no file {path}",
                remedy=_sibling(path),
                place=Place(file=str(path)),
            )
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            Complaint(
                problem=f"{path} cannot be read as UTF-8 text: {error}",
                remedy="check the file's permissions and encoding",
                place=Place(file=str(path)),
            )
        ) from None
    return parse(text, path)


def parse(text: str, path: Path) -> Document:
    """The same for text already at hand; `path` is for the complaints."""
    import yaml

    reader = _Reader(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = reader.build(root, ()) if root is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        remedy = "check the indentation, colons and quotes on that line and the one before it"
        if "\\t" in str(error.problem):
            remedy = "indent with spaces: YAML allows no tabs there"
        raise UsageError(
            Complaint(
                problem=f"this is not YAML: {error.problem or error.context}",
                remedy=remedy,
                place=Place(file=str(path), line=mark.line + 1 if mark else None),
            )
        ) from None
    except yaml.YAMLError as error:
        position = getattr(error, "position", None)
        raise UsageError(
            Complaint(
                problem=f"this is not YAML: {str(error).splitlines()[0]}",
                remedy="save the file as plain UTF-8 text, without control characters",
                place=Place(file=str(path), line=None if position is None else text.count("\n", 0, position) + 1),
            )
        ) from None
    except RecursionError:
        raise UsageError(
            Complaint(
                problem="the file is nested too deeply to be read",
                remedy="check its brackets: hundreds are open at once",
                place=Place(file=str(path)),
            )
        ) from None
    if not isinstance(data, dict) and not reader.complaints:
        reader.complaints.append(
            Complaint(
                problem="the file holds no keys" if data is None else f"the file holds {_kind(data)}, not keys",
                remedy="it must be a mapping that begins with `schema: evalkit/…`",
                place=Place(file=str(path), line=1),
            )
        )
    if reader.complaints:
        raise UsageError(reader.complaints)
    return Document(path=path, text=text, data=data, places=reader.places)


class _Reader:
    """Turns YAML nodes into plain data, noting places and gathering complaints on the way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.places: dict[Key, Place] = {}
        self.complaints: list[Complaint] = []
        self.building: set[int] = set()
        self.built = 0

    def build(self, node: yaml.Node, key: Key) -> Any:
        import yaml

        self.built += 1
        if self.built > _MOST:
            if self.built == _MOST + 1:
                problem = f"the file holds more than {_MOST} values, counting each alias again"
                self._complain(problem, "write what you mean without aliases", Place(file=str(self.path)))
            return None
        place = Place(file=str(self.path), line=node.start_mark.line + 1, key=key_text(key) or None)
        self.places.setdefault(key, place)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, place)
        if node.tag not in (f"{_TAG}seq", f"{_TAG}map"):
            self._complain(f"the tag {node.tag} is not allowed", "write a plain list or mapping", place)
            return None
        # An anchor that holds an alias to itself would never end.
        if id(node) in self.building:
            self._complain("this value contains itself", "write the value out instead of using an alias", place)
            return None
        self.building.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.build(each, (*key, index)) for index, each in enumerate(node.value)]
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, key)
        finally:
            self.building.discard(id(node))
        return None

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        import yaml

        built: dict[str, Any] = {}
        for name_node, value_node in node.value:
            place = Place(file=str(self.path), line=name_node.start_mark.line + 1, key=key_text(key) or None)
            if not isinstance(name_node, yaml.ScalarNode):
                self._complain("a key must be a word", "write `name: value`", place)
                continue
            name = name_node.value
            if name in built:
                first = self.places[(*key, name)].line
                self._complain(
                    f'key "{name}" is given twice, first on line {first}',
                    "keep one of the two; the file does not say which is meant",
                    place,
                )
                continue
            self.places[(*key, name)] = Place(
                file=str(self.path), line=name_node.start_mark.line + 1, key=key_text((*key, name))
            )
            built[name] = self.build(value_node, (*key, name))
        return built

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        text: str = node.value
        if node.tag.removeprefix(_TAG) not in _WORDS:
            self._complain(f"the tag {node.tag} is not allowed", "write a plain value", place)
            return None
        if node.style in ("'", '"', "|", ">"):
            return text
        if text.lower() in _TRAPS:
            self._complain(
                f"a bare `{text}` is a yes/no value to some YAML readers and a word to others",
                f'write "{text}" in quotes if you mean the word, or true / false',
                place,
            )
            return text
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _INT.match(text) and len(text) <= _DIGITS:
            return int(text)
        if _FLOAT.match(text) and not re.match(r"[-+]?0[0-9]", text):
            return float(text)
        return text

    def _complain(self, problem: str, remedy: str, place: Place) -> None:
        self.complaints.append(Complaint(problem=problem, remedy=remedy, place=place))


Model = TypeVar("Model", bound="pydantic.BaseModel")


def validated(document: Document, model: type[Model]) -> Model:
    """The document as `model`. Raises UsageError with one complaint per mistake, each at its line."""
    import pydantic

    _refuse_other_versions(document, model)
    try:
        return model.model_validate(document.data)
    except pydantic.ValidationError as error:
        raise UsageError(_complaints(document, model, error)) from None


def _refuse_other_versions(document: Document, model: type[pydantic.BaseModel]) -> None:
    """A file of another kind or of a newer version is refused by name before its keys are looked at."""
    wanted: str = model.model_fields["schema_"].examples[0]  # type: ignore[index]
    seen = document.data.get("schema")
    if seen == wanted:
        return
    family, _, version = wanted.rpartition("/v")
    if isinstance(seen, str) and (match := re.fullmatch(re.escape(family) + r"/v([0-9]{1,9})", seen)):
        problem = f"the file says {seen}, which is newer than this program knows ({wanted})"
        remedy = "upgrade evalkit, or write the file for the older version"
        if int(match[1]) < int(version):
            problem, remedy = f"the file says {seen}; there never was such a version", f"write `schema: {wanted}`"
    elif seen is None:
        problem, remedy = "the file does not say what it is", f"begin it with `schema: {wanted}`"
    else:
        problem, remedy = f"the file says {_quoted(seen)}, where {wanted} is expected", f"write `schema: {wanted}`"
        if isinstance(seen, str) and (other := re.fullmatch(r"evalkit/(plan|suite|policy)/v[0-9]+", seen)):
            remedy = f"this is a {other[1]}: name a {family.partition('/')[2]} here"
    raise UsageError(Complaint(problem=problem, remedy=remedy, place=document.place("schema")))


def _complaints(
    document: Document, model: type[pydantic.BaseModel], error: pydantic.ValidationError
) -> list[Complaint]:
    """One complaint per mistake: the members of a union that refuse the same value are one mistake."""
    schema = model.model_json_schema()
    by_place: dict[Key, list[Any]] = {}
    for each in error.errors(include_url=False):
        by_place.setdefault(_shown(tuple(each["loc"]), each["type"], document), []).append(each)
    found: list[Complaint] = []
    for key, errors in by_place.items():
        # Where the fault lies deeper, that the whole is no other member of the union either helps nobody.
        deeper = any(other[: len(key)] == key for other in by_place if len(other) > len(key))
        if deeper and all(len(each["loc"]) > len(key) for each in errors):
            continue
        found += _of_place(errors, key, schema, document)
    return sorted(found, key=lambda each: each.place.line if each.place and each.place.line else 0)


def _of_place(errors: list[Any], key: Key, schema: Any, document: Document) -> list[Complaint]:
    clear = ("extra_forbidden", "missing", "value_error", "union_tag_invalid")
    own = [each for each in errors if each["type"] in clear]
    if own or len(errors) == 1:
        return [_complaint(each, key, schema, document) for each in own or errors]
    musts = " or ".join(dict.fromkeys(must(each) for each in errors))
    return [_must_be(key, errors[0].get("input"), musts, schema, document)]


def _shown(key: Key, kind: str, document: Document) -> Key:
    """The key without the names of union members, which pydantic adds and the user never wrote."""
    kept: Key = ()
    for index, part in enumerate(key):
        if (*kept, part) in document.places or (kind == "missing" and index == len(key) - 1):
            kept = (*kept, part)
    return kept


def _complaint(each: Any, key: Key, schema: Any, document: Document) -> Complaint:
    kind, seen, place = each["type"], each.get("input"), document.place(*key)
    name = str(key[-1]) if key else ""
    if kind == "extra_forbidden":
        known = _names_at(schema, tuple(each["loc"][:-1]))
        return Complaint(problem=f"unknown key {_quoted(name)}", remedy=nearest(name, known), place=place)
    if kind == "missing":
        return Complaint(problem=f'required key "{name}" is missing', remedy=f"add `{name}: …` there", place=place)
    if kind == "union_tag_invalid":
        tag, known = each["ctx"]["tag"], re.findall(r"'([^']*)'", each["ctx"]["expected_tags"])
        name = each["ctx"]["discriminator"].strip("'")
        return Complaint(
            problem=f"there is no {name} {_quoted(tag)}", remedy=nearest(tag, known), place=document.place(*key, name)
        )
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", each["ctx"]["expected"])
        return Complaint(
            problem=f'{_quoted(seen)} is not a value of "{_word(key)}"',
            remedy=nearest(str(seen), allowed),
            place=place,
        )
    if kind == "value_error":
        # Our own validators say problem and remedy in one sentence, parted by a bar.
        problem, _, remedy = str(each["ctx"]["error"]).partition(" | ")
        return Complaint(problem=problem, remedy=remedy or "see docs and `evalkit schema`", place=place)
    return _must_be(key, seen, must(each), schema, document)


def _must_be(key: Key, seen: Any, what: str, schema: Any, document: Document) -> Complaint:
    file = schema["properties"]["schema"]["const"].split("/")[1]
    return Complaint(
        problem=f'"{_word(key)}" is {_quoted(seen)}, and must be {what}',
        remedy=f"correct the value; `evalkit schema {file}` prints what is allowed",
        place=document.place(*key),
    )


_MUST = {
    "string": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "dict": "a mapping of keys to values",
    "model": "a mapping of keys to values",
    "literal": "one of {expected}",
    "greater_than_equal": "at least {ge}",
    "greater_than": "above {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "below {lt}",
    "too_short": "a list of at least {min_length}",
    "string_too_short": "a text that is not empty",
    "string_pattern_mismatch": "of the form {pattern}",
    "finite_number": "a finite number",
}


def must(each: Any) -> str:
    """What pydantic wanted where it found something else, in a user's words."""
    kind = each["type"] if each["type"] in _MUST else each["type"].partition("_")[0]
    message: str = each["msg"]
    if kind == "too_short" and isinstance(each.get("input"), dict):
        return f"a mapping of at least {each['ctx']['min_length']}"
    return _MUST[kind].format(**each.get("ctx", {})) if kind in _MUST else message[0].lower() + message[1:]


def _word(key: Key) -> str:
    return next((str(part) for part in reversed(key) if isinstance(part, str)), "the value")


def _names_at(schema: Any, key: Key) -> list[str]:
    """Names of the keys allowed at `key`, from the JSON Schema (all members of a union together)."""
    nodes = [schema]
    for part in (*key, None):
        nodes = [resolved for node in nodes for resolved in _alternatives(schema, node)]
        if part is None:
            break
        stepped = [_step(node, part) for node in nodes]
        if any(stepped):
            nodes = [each for each in stepped if each]
        else:
            # A union member's name is no step in the schema: stay, with that member alone where it can be told.
            nodes = [each for each in nodes if _is_member(each, part)] or nodes
    return sorted({name for node in nodes for name in node.get("properties", {})})


def _is_member(node: Any, tag: str | int) -> bool:
    return str(node.get("title", "")).lower().startswith(str(tag).replace("_", "").lower())


def _alternatives(schema: Any, node: Any) -> list[Any]:
    if "$ref" in node:
        return _alternatives(schema, schema["$defs"][node["$ref"].rsplit("/", 1)[1]])
    members = [*node.get("anyOf", []), *node.get("oneOf", [])]
    return [found for member in members for found in _alternatives(schema, member)] or [node]


def _step(node: Any, part: str | int) -> Any:
    if isinstance(part, int):
        return node.get("items")
    return node.get("properties", {}).get(part)


def _quoted(value: Any) -> str:
    text = repr(value) if not isinstance(value, str) else f'"{value}"'
    return text if len(text) <= 80 else text[:77] + "…"


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", bool: "a yes/no value"}.get(type(value), "a number")


def _sibling(path: Path) -> str:
    """A remedy for a file that is not there: the nearest name beside it, or what is missing on the way."""
    parent = path.parent
    if not parent.is_dir():
        return f"there is no folder {parent} either; check the path"
    close = nearest(path.name, sorted(each.name for each in parent.iterdir()))
    return close if close.startswith("did you mean") else f"check the path; {parent.resolve()} has nothing like it"
