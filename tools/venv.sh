#!/bin/sh
# Usage: venv.sh DIRECTORY REQUIREMENTS. Make the environment hold exactly the locked files and Mainspring, editable.
# Environment: PYTHON, the interpreter of a new environment.
set -eu
venv=$1 requirements=$2
if [ -z "${PYTHON:-}" ]; then
    echo "mainspring: needs Python 3.11 or newer; none of python3, python3.11 … python3.14 is. Set PYTHON=/path/to/python" >&2
    exit 1
fi
uv=$(sh tools/find-uv.sh)
if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    rm -rf "$venv"
    UV_PYTHON_DOWNLOADS=never "$uv" venv --quiet --python "$PYTHON" "$venv"
fi
echo "mainspring: installing $requirements into $venv"
"$uv" pip sync --quiet --python "$venv/bin/python" --require-hashes "$requirements"
# Without isolation: hatchling came with the locked files, so building ourselves asks no network.
"$uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
