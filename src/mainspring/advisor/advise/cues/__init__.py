"""Lexicons: which words of a description answer which question. One module a language, the same questions in each."""
