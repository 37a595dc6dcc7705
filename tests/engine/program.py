"""A program for the tests of commands: does what its arguments say, and says what it is."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def main(what: str, *rest: str) -> int:
    if what == "tell":
        print(json.dumps({"args": rest, "env": os.environ.get("COLOUR"), "cwd": os.getcwd(), "stdin": sys.stdin.read()}))
        print("and this is an error", file=sys.stderr)
        return 0
    if what == "end":
        print("half a line ", end="", flush=True)
        print("what went wrong\nand where", file=sys.stderr)
        return int(rest[0])
    if what == "flood":
        for number in range(int(rest[0])):
            print(f"line {number}")
        return 0
    if what == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what in ("wait", "wait for ever"):
        if what == "wait for ever":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(rest[0]).write_text(f"{os.getpid()} {child.pid}")
        print("waiting", flush=True)
        time.sleep(600)
    if what == "leave":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(rest[0]).write_text(f"{os.getpid()} {child.pid}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
