"""The command line: a face over the operations. Heavy imports happen inside commands, so that ``--help`` is quick."""

from mainspring.cli.language import language as _language
from mainspring.i18n import speak

speak(_language())  # before any command is made: their helps are texts as well
