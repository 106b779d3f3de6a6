"""What the last bits of a result depend on beside versions: how this process computes."""

from __future__ import annotations

import sys


def arithmetic() -> dict[str, str]:
    """Return what the order of sums in products depends on; empty where torch is not loaded.

    Of torch's products these are the vector instructions and the number of threads; of autoregressive spline flows
    that they are compiled, or not: the compiled code sums in its own order, whatever the number of threads.
    """
    if "torch" not in sys.modules:
        return {}
    import torch

    native = sys.modules.get("hepflow.flows.native")
    flows = {}
    if native is not None and native.library.cache_info().currsize:  # what no flow used stays unbuilt
        flows["flows"] = "torch" if native.library() is None else "compiled"
    return {
        **flows,
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
    }
