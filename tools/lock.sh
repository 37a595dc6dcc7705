#!/bin/sh
# Resolve requirements/*.txt: for every platform and Python that we support, with hashes, without addresses.
# A lock that names an index, a directory or a machine works only where it was made, so the last line refuses one.
set -eu
uv=$(PYTHON=.venv/bin/python sh tools/find-uv.sh)
unset UV_FIND_LINKS UV_EXTRA_INDEX_URL UV_INDEX 2>/dev/null || true
compile() { "$uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header "$@"; }
compile requirements/uv.in --output-file requirements/uv.txt
compile pyproject.toml --all-extras --group dev --output-file requirements/dev.txt
compile pyproject.toml --all-extras --group build requirements/bench.in --constraints requirements/dev.txt --output-file requirements/bench.txt
if grep -nE '://|^[-/.]| @ ' requirements/*.txt; then
    echo "mainspring: the lines above name a place; locked files must not" >&2
    exit 1
fi
