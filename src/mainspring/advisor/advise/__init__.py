"""Which kind of task fits: from answers, or from a description in words, to a kind with its reasons.

`answers` are what is known of a piece of work, `decide` the table, `describe` reads answers out of a text by the lexicons in ``cues``,
`clauses` and `leanings` by the form of its clauses where words are silent. `gates` asks whether the installed version has what is
needed, `advice` puts all of it together, `checklist` and `scaffold` say how to go on. What nobody has said stays unknown: it is asked, or
assumed aloud, never filled in silently.
"""
