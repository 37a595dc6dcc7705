"""Rules for whoever writes code with a machine's help: what `mainspring rules install` puts into a repository, and keeps fresh.

The words come from this package alone and never from the repository that they are written into; what varies are versions, and these are
read as numbers. Files outside of the repository, and whatever a link leads to, are not touched.
"""
