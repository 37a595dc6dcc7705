"""Forms: a task's parameters as controls of a page, and what was typed into them as JSON again.

A form is a tree of `Field`, one for each control, whichever way it comes about: from values (`build`) or from what a browser posted
(`posted`). Pages draw the tree, `read` makes values of it. What is read from a form that shows some values is these values again.

Names of controls are paths: ``targets[0].host``. What a control needs beside its value has a name in brackets behind it (``at[zone]``),
which no parameter can have; the page's own fields begin with an underscore, with which no parameter begins.
"""

from mainspring.web.forms.build import build, posted
from mainspring.web.forms.errors import Fault, attach
from mainspring.web.forms.field import Data, Field, Row, grouped, walk
from mainspring.web.forms.reading import ABSENT, read
from mainspring.web.forms.rows import act, blank_row

__all__ = ["ABSENT", "Data", "Fault", "Field", "Row", "act", "attach", "blank_row", "build", "grouped", "posted", "read", "walk"]
