"""Shifts this process's wall clock by CHAOS_SKEW seconds, when the folder is on its path."""

import os
import time

_skew = float(os.environ.get("CHAOS_SKEW", "0"))
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _skew
time.time_ns = lambda: _time_ns() + int(_skew * 1_000_000_000)
