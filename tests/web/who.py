"""Who asks in tests that have no guard before their rooms, unless they say otherwise."""

from mainspring.core.access import User, UserRole
from mainspring.operations.operation import Caller

YOU = Caller("you", "web", User("you", UserRole.ADMIN, kind="open"))
