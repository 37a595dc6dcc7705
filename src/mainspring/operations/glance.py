"""The door through which shell completion glances at the store. No operation: it checks nothing and may answer nothing."""

from __future__ import annotations

from mainspring.store.glance import What, glance

__all__ = ["What", "glance"]
