"""Python's collector of cyclic garbage, told what a process that lives for months is like."""

import gc

THRESHOLDS = 10_000, 20, 20  # Python's own are 700, 10 and 10


def settle() -> None:
    """Call it once all is loaded: what is there now stays, and the collector need not look at it again and again.

    Nearly all that a worker or a gateway makes is freed by its reference count; what lives longer is cached on purpose.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
