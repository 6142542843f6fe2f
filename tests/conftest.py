"""What every test gets: no network, quiet libraries, the same draws each time, the reference data if it is here."""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# Set before any test module imports a library that reads them; processes that a test starts inherit them.
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "NO_COLOR": "1",
}
for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS"):
    os.environ.pop(name, None)

# `ci` draws the same examples every time, so a gate never turns red by luck; `nightly` looks further.
settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


# --- which tests run -----------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow") or "slow" in config.getoption("markexpr"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device here")


# --- no network ----------------------------------------------------------------------------------


class NetworkRefused(OSError):
    """A test tried to leave this machine."""


def is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    return host is None or (isinstance(host, str) and (host in {"", "localhost", "::1"} or host.startswith("127.")))


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Only this machine can be reached; the error is an OSError, as a dead endpoint would give."""
    connect, connect_ex, resolve = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def refuse_unless_local(host: object) -> None:
        if not is_local(host):
            raise NetworkRefused(f"tests do not use the network, and this one asked for {host!r}")

    def guarded(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: socket.socket, address: Any, *rest: Any) -> Any:
            if self.family in {socket.AF_INET, socket.AF_INET6}:
                refuse_unless_local(address[0])
            return original(self, address, *rest)

        return call

    def guarded_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        refuse_unless_local(host)
        return resolve(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(connect))
        patch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
        patch.setattr(socket, "getaddrinfo", guarded_resolve)
        yield


# --- reference data beside the checkout ----------------------------------------------------------


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with reference data and oracles: EVALKIT_SHARED, or `shared` beside the checkout."""
    named = os.environ.get("EVALKIT_SHARED")
    if named:
        assert Path(named).is_dir(), f"EVALKIT_SHARED is no folder: {named}"
        return Path(named)
    beside = ROOT.parent / "shared"
    if not beside.is_dir():
        pytest.skip("no reference data: there is no folder `shared` beside the checkout, and EVALKIT_SHARED is not set")
    return beside


@pytest.fixture(scope="session")
def check_run(shared: Path) -> Callable[..., list[str]]:
    """The outside checker of a run directory: `check_run(path)` gives the list of breaches of the contract."""
    path = shared / "contract" / "check_run.py"
    if not path.is_file():
        pytest.skip("the shared folder holds no contract/check_run.py")
    spec = importlib.util.spec_from_file_location("evalkit_contract_check_run", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    check: Callable[..., list[str]] = module.check
    return check
