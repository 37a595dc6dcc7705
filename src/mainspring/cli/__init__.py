"""The command line: a face over the operations. Heavy imports happen inside commands, so that ``--help`` is quick."""
