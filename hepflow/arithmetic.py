"""What the last bits of a result depend on beside versions: how this process computes."""

from __future__ import annotations

import sys


def arithmetic() -> dict[str, str]:
    """Return the vector instructions and the number of threads of torch's products; empty where it is not loaded.

    Products of matrices are summed in an order that depends on both. That flows are trained with the compiled spline
    or without makes no difference.
    """
    if "torch" not in sys.modules:
        return {}
    import torch

    return {
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
    }
