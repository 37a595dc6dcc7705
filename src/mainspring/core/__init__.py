"""The words of the house: pure values and rules that every other floor is written in.

Nothing here reads a clock, opens a file or waits. Whoever wants to know what a word means starts in this box:

==============  =====================================================================================
Task            definition: a named, typed function with parameters, metadata and policies
Run             record: one request to perform a task, with its parameters, state and outcome
Attempt         one try of a run by one node; numbered for people, fenced by its random claim id
Event           one fact about a run, in order: log line, progress, retry, loss, cancel request
Queue, Lane     a named line of runs / queue x tenant x priority, the unit that a claim serves
Outcome         value: how a try ended
Decision        value: what becomes of the run now (new state, when, why)
Node, Lease     a live process / its right to its runs until a time
Claim           one batch of runs taken by a node, and the random id that guards every later write
Store           durable truth, split by noun
Worker …        loops, each with one verb ``tick()``
Operation       a verb that a person or a program may ask for; the faces are derived from it
==============  =====================================================================================
"""
