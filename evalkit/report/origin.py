"""Where a run came from and what it did not look at. A manifest is read tolerantly: any key may be absent or odd."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from evalkit import figures
from evalkit.report.view import Facts, Gap
from evalkit.types import KINDS, Undefined
from evalkit.types.record import RunRecord

_ROLES = ("teacher", "student", "champion")
# The order in which known keys are shown; the others follow by name, so that equal manifests look equal.
_KEYS = (
    *("name", "kind", "task", "version", "n", "limited_to", "digest", "path", "scorer", "labels", "slice_names"),
    *("backend", "revision", "weights_digest", "tokenizer_digest", "template_digest", "parameters", "bytes"),
    *("loaded_bytes", "sparsity", "quantization"),
    *("dtype", "device", "level", "python", "torch", "machine", "cpu", "cores", "memory_bytes", "gpu"),
)
# How often a model was asked, by the keys of a manifest; the first two are said of every model.
_ASKED = (
    ("batches", ("batch", "batches")),
    ("from_cache", ("from the cache", "from the cache")),
    ("cut_inputs", ("input cut", "inputs cut")),
    ("out_of_memory_splits", ("batch split for lack of memory", "batches split for lack of memory")),
)
# From this share of zeros on, weights are called pruned.
PRUNED = 0.01
_ALWAYS = ("batches", "from_cache")
_RUN = ("run_id", "started", "finished", "evalkit", "seed", "limit", "parent")


def text(found: object, *path: str) -> str:
    """The value at a path as text, however odd it is; empty when it is absent or null."""
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    if found is None or isinstance(found, str):
        return found or ""
    return json.dumps(found, ensure_ascii=False, sort_keys=True, default=str)


def items(found: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The mappings in a list of a manifest; nothing else."""
    listed = found.get(key)
    return [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list | tuple) else []


def model_name(record: RunRecord, role: str) -> str:
    """What the run calls a model, or its role when the manifest does not name it."""
    return text(record.manifest, "models", role, "name") or f"the {role}"


def stored(record: RunRecord, role: str) -> str:
    """How a model of the run has its weights: as `kept` says."""
    models = record.manifest.get("models")
    return kept(models.get(role) if isinstance(models, Mapping) else None)


def kept(facts: object) -> str:
    """How weights are kept: `float32, int8 dynamic, by torch, 51.0 % zeros`; empty where nobody knows."""
    return ", ".join(filter(None, [text(facts, "dtype"), compression(facts)]))


def compression(facts: object) -> str:
    """What was done to weights to make them smaller: `int8 dynamic, by torch, 51.0 % zeros`; empty for nothing."""
    known = facts if isinstance(facts, Mapping) else {}
    how = text(known, "quantization") or text(known, "settings", "quantization")
    zeros = known.get("sparsity")
    # A few zeros are in any weights; a hundredth of them was put there.
    pruned = f"{figures.number(zeros, 'share')} zeros" if isinstance(zeros, float) and PRUNED <= zeros <= 1 else ""
    return ", ".join(filter(None, [how, pruned]))


def compressed(record: RunRecord) -> tuple[tuple[str, str], ...]:
    """(role, in which way) of each model of the run whose weights were made smaller."""
    models = record.manifest.get("models")
    known = models if isinstance(models, Mapping) else {}
    return tuple((role, said) for role in _ROLES if (said := compression(known.get(role))))


def command(record: RunRecord) -> str:
    """The command line that made the run, ready to paste."""
    given = record.manifest.get("command")
    if isinstance(given, list | tuple):
        return shlex.join(str(part) for part in given)
    return text(record.manifest, "command")


def digests(record: RunRecord) -> tuple[tuple[str, str], ...]:
    """The names and hashes that bind the verdict to bytes, for machines: `student.digest`, `suite.NAME.digest`."""
    found = [(f"{role}.name", text(record.manifest, "models", role, "name")) for role in _ROLES]
    for role in _ROLES:
        for key in ("digest", "weights_digest", "tokenizer_digest", "template_digest"):
            found.append((f"{role}.{key}", text(record.manifest, "models", role, key)))
    found.append(("policy.digest", text(record.manifest, "policy", "digest")))
    for suite in items(record.manifest, "suites"):
        found.append((f"suite.{text(suite, 'name')}.digest", text(suite, "digest")))
    return tuple((name, value) for name, value in found if value)


def facts(record: RunRecord) -> tuple[Facts, ...]:
    """Run, models, suites, policy, versions, hardware and notes, each as titled rows; empty ones are left out."""
    manifest = record.manifest
    run = [(key.replace("_", " "), text(manifest, key)) for key in _RUN]
    run.append(("command to reproduce", command(record)))
    groups = [("Run", run)]
    groups += [(f"Model: {role}", _rows(manifest, "models", role)) for role in _ROLES]
    groups += [(f"Suite: {text(each, 'name')}", _of(each, skip=("name",))) for each in items(manifest, "suites")]
    groups.append(("Policy", [row for row in _rows(manifest, "policy") if row[0] != "text"]))
    groups += [("Versions", _rows(manifest, "versions")), ("Hardware", _rows(manifest, "hardware"))]
    notes = manifest.get("notes")
    listed = notes if isinstance(notes, list | tuple) else []
    groups.append(("Notes", [(str(place), text({"": note}, "")) for place, note in enumerate(listed, 1)]))
    groups.append(("Answers and cache", _asked(manifest)))
    groups.append(("Asked alone", _alone(manifest)))
    groups.append(("Records", _rows(manifest, "records")))
    kept = [(title, tuple(row for row in rows if row[1])) for title, rows in groups]
    return tuple(Facts(title=title, rows=rows) for title, rows in kept if rows)


def _rows(manifest: Mapping[str, Any], *path: str) -> list[tuple[str, str]]:
    found: object = manifest
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return _of(found) if isinstance(found, Mapping) else []


def _asked(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How each model was asked on each suite: `29 batches, 29 from the cache`, and what was unusual about it."""
    found = manifest.get("collection")
    if not isinstance(found, Mapping):
        return []
    rows = []
    for name in sorted(map(str, found)):
        facts = found[name]
        if isinstance(facts, Mapping):
            known = [(key, words) for key, words in _ASKED if isinstance(facts.get(key), int)]
            said = [
                f"{figures.count(facts[key])} {words[facts[key] != 1]}"
                for key, words in known
                if facts[key] or key in _ALWAYS
            ]
            rows.append((name.replace("teacher_again ", "teacher's second run "), ", ".join(said)))
    return rows


def _alone(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the batch-shape audit found of each model on each suite: how many answers changed, and by how much numbers
    differed."""
    found = manifest.get("batch_shape_audit")
    rows = []
    for suite, roles in sorted(found.items()) if isinstance(found, Mapping) else ():
        for role in _ROLES:
            facts = roles.get(role) if isinstance(roles, Mapping) else None
            if isinstance(facts, Mapping):
                rows.append((f"{role} {suite}", _changed(facts)))
    return rows


def _changed(facts: Mapping[str, Any]) -> str:
    if reason := text(facts, "undefined"):
        return reason
    said = f"{text(facts, 'changed')} of {text(facts, 'asked')} answers changed, {text(facts, 'flipped')} flipped"
    if facts.get("failed"):
        said += f", {text(facts, 'failed')} failed"
    largest = facts.get("largest")
    if isinstance(largest, int | float):
        said += f"; {text(facts, 'compared')} differ by {largest:.2g} at most"
    return said


def _flat(value: Mapping[str, Any]) -> str:
    """A mapping in words, `dtype float32, device cpu`; nothing of what is null or empty."""
    shown = ((str(key).replace("_", " "), text(value, key)) for key in sorted(value, key=str))
    return ", ".join(f"{key} {said}" for key, said in shown if said not in ("", "[]", "{}"))


def _of(found: Mapping[str, Any], skip: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    place = {key: index for index, key in enumerate(_KEYS)}
    keys = sorted((str(key) for key in found if key not in skip), key=lambda key: (place.get(key, len(place)), key))
    return [(key.replace("_", " "), _words(key, found.get(key))) for key in keys]


def _words(key: str, value: object) -> str:
    """A fact as a person reads it: sizes in their unit with the exact number, lists without brackets."""
    if isinstance(value, int) and not isinstance(value, bool):
        if key in ("bytes", "loaded_bytes", "memory_bytes"):
            return f"{figures.number(value, 'bytes')} ({value})"
        return figures.count(value) if key in ("parameters", "n") else str(value)
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    if isinstance(value, Mapping):
        return _flat(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if isinstance(value, list | tuple) and not value else text({key: value}, key)


def gaps(record: RunRecord) -> tuple[Gap, ...]:
    """What this run says nothing about: criteria without an answer, kinds of suite it lacks, undefined metrics."""
    found = [
        Gap(what=f"criterion {row.id} ({row.question.metric})", why=row.reason or _why(row.measured))
        for row in record.verdict.criteria
        if row.status == "not_evaluated"
    ]
    limit = text(record.manifest, "limit")
    if limit:
        found.append(Gap(what="the rest of each suite", why=f"the run was limited to {limit} examples per suite"))
    for suite in items(record.manifest, "suites"):
        if text(suite, "limited_to"):
            of = f" of {text(suite, 'size')}" if text(suite, "size") else ""
            why = f"limited to {text(suite, 'limited_to')} examples{of}"
            found.append(Gap(what=f"the rest of suite {text(suite, 'name')}", why=why))
    found += _absent(record)
    found += _undefined(record)
    return tuple(found)


def _why(measured: object) -> str:
    return measured.reason if isinstance(measured, Undefined) else "no reason was recorded"


def _absent(record: RunRecord) -> list[Gap]:
    kinds = {text(suite, "kind") for suite in items(record.manifest, "suites")}
    gone = [Gap(what=f"{kind} behaviour", why=f"the plan has no {kind} suite") for kind in KINDS if kind not in kinds]
    metrics = {row.question.metric for row in (*record.results, *record.timings)}
    if not any(metric.startswith("latency.") for metric in metrics):
        gone.append(Gap(what="speed", why="latency was not measured"))
    if "agreement.noise_floor" not in metrics:
        gone.append(Gap(what="noise floor", why="the teacher was not run twice: its own disagreement is unknown"))
    if not text(record.manifest, "models", "champion"):
        gone.append(Gap(what="regression against the student in service", why="no champion was named"))
    return gone


def _undefined(record: RunRecord) -> list[Gap]:
    """Undefined metrics, gathered by suite and reason: one cause on forty slices is one line."""
    gathered: dict[tuple[str, str], list[str]] = {}
    for row in (*record.results, *record.timings):
        if isinstance(row.measured, Undefined):
            where = row.question.suite or "the run"
            gathered.setdefault((where, row.measured.reason), []).append(row.question.metric)
    found = []
    for (where, reason), metrics in gathered.items():
        names = list(dict.fromkeys(metrics))
        more = f" and {len(names) - 4} more metrics" if len(names) > 4 else ""
        times = f" ({len(metrics)} rows)" if len(metrics) > len(names) else ""
        found.append(Gap(what=f"{', '.join(names[:4])}{more} on {where}{times}", why=reason))
    return found
