"""The README's commands, run as a new user would type them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def blocks() -> list[str]:
    return re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_commands_run_in_order_and_say_what_they_promise(tmp_path: Path) -> None:
    script = "set -eu\n" + "\n".join(blocks())
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    words = re.findall(r"^exit \d \((\w+)", done.stdout, flags=re.MULTILINE)
    assert words == ["pass", "fail", "pass", "inconclusive"], "the gate, the red student, show, the stricter policy"
    assert "exit code 1" in done.stdout
    assert "exit code 3" in done.stdout
    assert "verified: the verdict of runs/first follows from its records" in done.stdout
    assert (tmp_path / "my-gate/runs/first/report.html").is_file()


def test_every_place_that_the_readme_names_exists() -> None:
    named = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not name.startswith("http") and not (ROOT / name).exists()] == []
