"""How fast Mainspring is, beside its peers and beside what the machine itself can do, all in one run.

`python -m benchmarks` runs every row of `rows.py` three times and writes `report.md` and `report.json`; `--only
pg.drain`, `--quick` and `--list` make it short. It is no timed test: nothing fails here because a machine is slow.

Who is measured is a *subject* (`subjects.py`): ourselves (`ours.py`), a peer (`peers/`), or a raw limit (`raw/`).
Each is a module of coroutine functions with the same names and the same signature, `async def drain(place: Place,
count: int) -> Reading`; a subject that cannot do something just lacks the function. What keeps it fair:

- every measurement has a fresh database or file, and its own interpreter (`measure.py`), so nothing is warm that was
  cold for another;
- all stores are on one disk whose flush time is printed, PostgreSQL with `fsync` and `synchronous_commit` on;
- every peer runs in its fastest documented durable configuration, and its module says which;
- subjects take turns within a round, in another order each round, and the median of the rounds counts;
- the same task (one small parameter, no body), the same clock (first body started until the store is empty), the same
  loop (uvloop).
"""
