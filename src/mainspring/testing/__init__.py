"""The testing kit that ships to users: a whole engine in a test, on a store in memory and on time that the test moves.

The pytest plugin hands it over as the fixture ``ms``; ``with Kit() as ms`` does without pytest.
"""

from mainspring.testing.clock import ManualClock
from mainspring.testing.kit import Kit, NoProgress
from mainspring.testing.virtual import Deadlock, VirtualLoop

__all__ = ["Deadlock", "Kit", "ManualClock", "NoProgress", "VirtualLoop"]
