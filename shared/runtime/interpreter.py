"""What the interpreter is told once everything is loaded."""

import gc
import sys

SWITCH_SECONDS = 0.0005  # how long a thread that scores a text may keep the loop from going on; 0.005 by default


def settle() -> None:
    """Short turns for threads, and no collection looks again at what was loaded at the start."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()
