"""Lexicons: which words of a description answer which question. One module a language, the same questions in each.

Beside them, for all languages, `clock` composes the words of clocks and calendars, and `forms` knows by what form clauses are told apart.
"""
