"""Which tasks there are: found by walking packages, checked all at once, then a value that never changes.

The composition root enters here when it starts; whoever has a name asks the registry for the task.
"""

from mainspring.registry.discovery import Discovery, discover
from mainspring.registry.registry import Registry, RegistryBuilder

__all__ = ["Discovery", "Registry", "RegistryBuilder", "discover"]
