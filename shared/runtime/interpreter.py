"""What the interpreter is told once everything is loaded."""

import gc
import sys

SWITCH_SECONDS = 0.0005  # how long a thread that scores a text may keep the loop from going on; 0.005 by default
MADE_BETWEEN_COLLECTIONS = 10_000  # objects more than given back; 700 by default, which ten requests make


def settle() -> None:
    """Short turns for threads, and no collection looks again at what was loaded at the start."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(MADE_BETWEEN_COLLECTIONS, 10, 10)
    gc.freeze()
