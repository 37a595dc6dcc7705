"""The shell: what every page of the console has, whichever room it belongs to."""
