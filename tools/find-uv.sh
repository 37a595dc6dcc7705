#!/bin/sh
# Print a uv that runs: the one on PATH, else our own, installed by pip (hash-checked) into .venv-tools.
# Environment: PYTHON, the interpreter to bootstrap with.
set -eu
if uv --version >/dev/null 2>&1; then
    echo uv
    exit 0
fi
tools=.venv-tools
if ! "$tools/bin/uv" --version >/dev/null 2>&1; then
    echo "mainspring: no uv found, installing it into $tools" >&2
    if ! "$PYTHON" -m venv --clear "$tools" >&2; then
        echo "mainspring: $PYTHON has no venv module (on Debian and Ubuntu: apt-get install python3-venv)" >&2
        exit 1
    fi
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt >&2
fi
echo "$tools/bin/uv"
