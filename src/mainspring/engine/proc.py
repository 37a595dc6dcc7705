"""What the kernel says about processes: how they ended, and on Linux their memory; elsewhere that is not known and not enforced."""

from __future__ import annotations

import os
import signal

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def how_it_ended(status: int) -> str:
    """Return what became of a process by its exit status, negative for a signal: the end of a sentence that names it."""
    if status >= 0:
        return f"exited with code {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process, 0 where it cannot be told."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def processor_seconds(pid: int) -> float | None:
    """Return the processor time that a process has taken so far, None where it cannot be told."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    except (OSError, IndexError, ValueError):
        return None


def count_oom_kills() -> int:
    """Return how many processes the kernel has killed for memory since it booted, 0 where it does not say."""
    try:
        with open("/proc/vmstat", "rb") as file:
            return next((int(line.split()[1]) for line in file if line.startswith(b"oom_kill ")), 0)
    except OSError:
        return 0
