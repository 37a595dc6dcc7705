#!/bin/sh
# Print the path of a Chromium for the browser tests; install the system's where there is none and we may.
# MAINSPRING_TEST_CHROMIUM names another one. Never a silent no: without a browser the tests fail, and so does this.
set -eu
runs() { "$1" --version >/dev/null 2>&1; }

if [ -n "${MAINSPRING_TEST_CHROMIUM:-}" ]; then
    if runs "$MAINSPRING_TEST_CHROMIUM"; then
        echo "$MAINSPRING_TEST_CHROMIUM"
        exit 0
    fi
    echo "mainspring: MAINSPRING_TEST_CHROMIUM=$MAINSPRING_TEST_CHROMIUM does not run" >&2
    exit 1
fi

find_one() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        found=$(command -v "$name" 2>/dev/null) || continue
        if runs "$found"; then  # a stub that only says what to install does not run
            echo "$found"
            return 0
        fi
    done
    mac="/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    if runs "$mac"; then
        echo "$mac"
        return 0
    fi
    return 1
}

find_one && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "mainspring: installing chromium for the browser tests" >&2
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } >&2
    find_one && exit 0
fi
echo "mainspring: the browser tests need Chromium, and there is none. Install it (apt-get install chromium, dnf install chromium," >&2
echo "mainspring: brew install --cask google-chrome), or set MAINSPRING_TEST_CHROMIUM=/path/to/chromium" >&2
exit 1
