"""Governance: which kind of work fits (`advise`), where home-made background work hides (`check`), and rules for whoever writes code here.

Nothing in this room imports the code it reads, nor our engine: it looks at text, and is safe on trees that nobody trusts.
"""
