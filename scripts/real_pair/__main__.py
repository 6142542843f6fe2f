"""The command: its options, the steps in their order, and what they come to."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import io
import os
import shutil
import sys
from pathlib import Path

from scripts.real_pair import banking, recorded
from scripts.real_pair.encoder import encoder
from scripts.real_pair.gating import PAIRS, Seen, gate
from scripts.real_pair.outcome import complaints, table
from scripts.real_pair.settings import DROPPED, FULL, QUICK, Settings
from scripts.real_pair.work import Stop, claim, keep, say, timed, times_of

ROOT = Path(__file__).resolve().parent.parent.parent


def main(arguments: list[str] | None = None) -> int:
    """0: the verdicts are as they should be. 1: they are not, or a step failed. 2: usage. 130: interrupted."""
    # The table holds signs that a plain C locale lacks: half an hour's work must not end in one of them.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    options = _options(arguments)
    try:
        return run(options.work, options.data, options.encoder, QUICK if options.quick else FULL)
    except Stop as stop:
        say(str(stop))
        return 1
    except KeyboardInterrupt:
        say("interrupted; the same command goes on from the last whole epoch or batch")
        return 130


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/real-pair",
        description="Trains a teacher and two students on BANKING77 (CPU, at most 30 minutes on two idle cores), "
        "gates both, and gates recorded pairs. Exit 0 if the good student passes and the bad one fails as it should.",
    )
    parser.add_argument("--work", type=Path, help="where everything is kept (default: .evalkit/real-pair)")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="banking77, gsm8k, xstest")
    parser.add_argument("--encoder", type=Path, help="a folder with all-MiniLM-L6-v2, in place of the package")
    parser.add_argument("--quick", action="store_true", help="every step with a few rows: no verdict means anything")
    options = parser.parse_args(arguments)
    name = "real-pair-quick" if options.quick else "real-pair"
    options.work = (options.work or ROOT / ".evalkit" / name).resolve()
    return options


def run(work: Path, data: Path, encoder_folder: Path | None, settings: Settings) -> int:
    """Every step that is not done yet, then what came out."""
    bank = banking.read(data / "banking77")
    claim(work, {**dataclasses.asdict(settings), "train": _digest(data / "banking77" / "train.csv")})
    with timed(work, "suites and recordings"):
        banking.write_suite(bank, work / "suites" / "banking77")
        recorded.refusals(data, work / "suites", work / "recorded")
        recorded.sums(data, work / "suites", work / "recorded")
    _train(bank, work, encoder_folder, settings)
    seen = []
    for pair in PAIRS:
        with timed(work, f"gate {pair.name}"):
            seen.append(gate(pair, settings, work))
    return _end(seen, bank.rarest[:DROPPED], work, settings)


def _train(bank: banking.Banking, work: Path, encoder_folder: Path | None, settings: Settings) -> None:
    """The three models, as far as they are not there."""
    models, kept = work / "models", work / "training"
    if all((models / name).is_dir() for name in ("teacher", "good", "bad")):
        shutil.rmtree(kept, ignore_errors=True)
        return
    # The hub is never asked, and its libraries need not tell how fast they read and write small files.
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TOKENIZERS_PARALLELISM": "false"}
    from safetensors.torch import load_file, save_file

    from scripts.real_pair.distilling import distil
    from scripts.real_pair.teaching import logits_of, quiet, teach

    quiet()
    with timed(work, "encoder"):
        folder = encoder_folder or encoder(work)
    with timed(work, "teacher"):
        keep(
            models / "teacher",
            lambda out: teach(folder, bank.labels, bank.train, settings.teacher, kept / "teacher.pt", out),
        )
    with timed(work, "teacher's logits"):
        keep(
            kept / "logits.safetensors",
            lambda out: save_file({"logits": logits_of(models / "teacher", bank.train.texts)}, out),
        )
    logits = load_file(kept / "logits.safetensors")["logits"]
    for name, start, recipe in (("good", "teacher", settings.good), ("bad", "good", settings.bad)):
        with timed(work, f"{name} student"):
            keep(
                models / name,
                lambda out, name=name, start=start, recipe=recipe: distil(
                    f"{name} student", models / start, bank.train, logits, recipe, kept / f"{name}.pt", out
                ),
            )
    shutil.rmtree(kept, ignore_errors=True)


def _end(seen: list[Seen], dropped: list[str], work: Path, settings: Settings) -> int:
    print()
    print(table(seen))
    print("\ntimes (clock and processors, seconds):")
    for step, took in times_of(work).items():
        print(f"  {step:<24} {took['wall_s']:8.1f} {took['user_s']:8.1f}")
    print()
    if settings == QUICK:
        print("--quick: every step works; the models are not trained, and no verdict means anything")
        return 0
    wrong = complaints(seen, dropped)
    print("\n".join(wrong) or "as expected: the good student passes, the bad one fails, and its lost classes lead")
    return 1 if wrong else 0


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
