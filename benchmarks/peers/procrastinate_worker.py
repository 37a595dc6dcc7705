"""Procrastinate's worker process."""

from __future__ import annotations

from benchmarks.measure import run_loop
from benchmarks.peers import procrastinate_app
from benchmarks.place import Place
from benchmarks.processes import wait_at_gate


async def work(place: Place) -> None:
    """Run the worker until the process is ended."""
    app = procrastinate_app.make(place)
    async with app.open_async():
        wait_at_gate(place)
        await app.run_worker_async(concurrency=procrastinate_app.CONCURRENCY)


if __name__ == "__main__":
    run_loop(work(Place.argument()))
