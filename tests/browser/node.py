"""The app of a node that works for a stand: ``mainspring -A tests.browser.node:app``."""

from mainspring import Mainspring
from tests.browser import shop

app = Mainspring(tasks=shop.TASKS)
