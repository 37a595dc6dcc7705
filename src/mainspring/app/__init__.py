"""The composition root: `Mainspring` wires the parts and holds the verbs of the Python face; each part knows its own thing.

    mainspring    the public class: the verbs, and their face for callers without an event loop
    blocking      that face: a thread with a loop of its own, where the app's twin is open
    app           the verbs: enqueue, run, wait, look, switch, work
    pulsing       pulses: a node for the length of a budget, and the record of it
    retrying      finished runs, done again
    schedules     what the schedules of an app will do, have done, and are to do
    services      what its services do, and are to do
    enqueuer      a call becomes a checked run with plain values, and a row
    files         the files of an app
    opening       the store, the bus and the switches, held open for one event loop
    definitions   every task of the app

A module looks at those below it only.
"""

from mainspring.app.blocking import Blocking
from mainspring.app.files import Files
from mainspring.app.mainspring import Mainspring

__all__ = ["Blocking", "Files", "Mainspring"]
