#!/bin/sh
# Print the Python to build with: python3 where it is new enough, else the newest python3.N that runs.
# Versions are asked, not read off names: a version manager's shim exists also where its Python does not.
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        echo "$candidate"
        exit 0
    fi
done
exit 1
