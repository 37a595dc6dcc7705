"""huey's consumer process: arguments are the place, the kind of workers, their number and the seconds between polls.

Like `huey_consumer --quiet --no-periodic`: it logs nothing below warnings and schedules nothing.
"""

from __future__ import annotations

import sys

from benchmarks.peers import huey_app
from benchmarks.place import Place
from benchmarks.processes import wait_at_gate


def main() -> None:
    """Run the consumer until the process is ended."""
    place, kind, workers, delay = Place.argument(), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    queue, _ = huey_app.make(place)
    wait_at_gate(place)
    queue.create_consumer(worker_type=kind, workers=workers, initial_delay=delay, max_delay=delay, backoff=1.0, periodic=False).run()


if __name__ == "__main__":
    main()
