"""Where a model runs and in which numbers: device, dtype, how much at once, and a clock that waits for the device."""

from __future__ import annotations

import re
import time
from pathlib import Path

from evalkit.backends.local.quantize import DYNAMIC
from evalkit.specs import TransformersSpec

# Padded tokens in one forward pass. A GPU wants enough work to be busy. A CPU is fastest where what a layer makes of
# them stays in its caches (docs/performance.md): so many for each thread, within bounds.
CPU_BUDGET_PER_THREAD, CPU_BUDGETS, GPU_BUDGET = 512, (1024, 4096), 16384
# Writing reads all weights for every token, so that more rows at once cost little. Room for what is to be written
# counts as well.
CPU_BUDGET_WRITING, GPU_BUDGET_WRITING = 8192, 16 * GPU_BUDGET
DEVICES = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def device_of(spec: TransformersSpec) -> str:
    """`auto` is CUDA where there is some, and where what the plan asks for runs on it."""
    if spec.device != "auto":
        return spec.device
    if spec.quantize == DYNAMIC:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def device_problem(spec: TransformersSpec) -> tuple[str, str] | None:
    """What is wrong with the plan's device, and what to do; None when nothing is."""
    if not DEVICES.fullmatch(spec.device):
        return f'"{spec.device}" is no device', "write auto, cpu, cuda or cuda:1"
    if spec.device_map is not None and spec.device != "auto":
        return "the plan gives both device and device_map", "leave one of them out: a map says where each part goes"
    if spec.device_map is not None:
        from importlib.util import find_spec

        if find_spec("accelerate") is None:
            return "device_map needs the package accelerate, which is not installed", "pip install accelerate"
    if spec.device.startswith("cuda"):
        import torch

        if not torch.cuda.is_available():
            return f"the plan asks for {spec.device}, and there is no CUDA device here", "write device: auto, or cpu"
    return None


def dtype_of(spec: TransformersSpec, device: str) -> str:
    """An explicit dtype is honoured; otherwise bf16 where it is fast, else fp32.

    A CPU without bf16 matrix instructions is four times slower in bf16, and a tenth of a nat off.
    """
    if spec.dtype != "auto":
        return spec.dtype
    if spec.quantize == DYNAMIC:
        return "float32"
    if device.startswith("cuda"):
        import torch

        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bfloat16" if cpu_has("amx_bf16") else "float32"


def budget_of(
    spec: TransformersSpec, device: str, *, halved: bool, writing: bool = False, most: int | None = None
) -> int:
    """Padded tokens that one batch may have; for what writes, those to be written included. `most` is what the device's
    memory takes, where that is known."""
    if device.startswith("cuda"):
        budget = GPU_BUDGET_WRITING if writing else GPU_BUDGET
    elif writing:
        budget = CPU_BUDGET_WRITING
    else:
        import torch

        least, most_useful = CPU_BUDGETS
        budget = min(most_useful, max(least, CPU_BUDGET_PER_THREAD * torch.get_num_threads()))
    if most is not None:
        budget = min(budget, most)
    if spec.batch_tokens is not None:
        budget = spec.batch_tokens
    return max(1, budget // 2) if halved else budget


def cpu_has(flag: str) -> bool:
    try:
        return flag in Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return False


def is_out_of_memory(error: Exception) -> bool:
    """A GPU says so by a class of its own, a CPU by a plain RuntimeError."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or (isinstance(error, RuntimeError) and "memory" in str(error))


def free_cache(device: str) -> None:
    """Give the allocator's unused blocks back."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()


class Stopwatch:
    """Seconds since it was made. Kernels are queued behind Python's back, so each reading waits for them first."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.first_token: float | None = None
        self.began = 0.0
        self.began = self.read()

    def read(self) -> float:
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.synchronize(self.device)
        return time.perf_counter() - self.began

    def note_first_token(self) -> None:
        if self.first_token is None:
            self.first_token = self.read()
