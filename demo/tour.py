"""Ask the demo's workspace a few questions, as a person would, and say what to look for."""

import shlex
import subprocess
import sys

SEEDS = ["1902-Roosevelt-1/27", "1998-Clinton-1/65", "1858-Buchanan-1/95"]
PRESIDENTS = ["Abraham Lincoln", "Franklin D. Roosevelt", "Ronald Reagan"]
LOOK_FOR = """
What to look for: the passages under each seed are about its subject, often decades apart and in other
words; related presidents governed in the same age and had the same business before them. Nothing but
the texts was read: neither names, parties nor dates are given to the encoder.

Ask more:
"""


def say(*arguments: str) -> None:
    """Print a simrec command and its answer."""
    print(f"\n$ simrec {shlex.join(arguments)}", flush=True)
    subprocess.run([sys.executable, "-m", "simrec", *arguments], check=True)


def main(workspace: str) -> None:
    """Show related passages and presidents, then the commands to go on with."""
    here = ("-w", workspace)
    for seed in SEEDS:
        say("show", seed, *here)
        say("similar", seed, "-n", "5", *here)
    for president in PRESIDENTS:
        say("accounts", president, "-n", "5", *here)
    say("evaluate", *here)
    print(LOOK_FOR)
    for more in (
        "similar --text 'the price of wheat'",
        "similar 2014-Obama-1/26 --until 2000",
        "status",
    ):
        print(f"  .venv/bin/simrec {more} -w {workspace}")
    print("\nLook at all of it in a browser, at http://127.0.0.1:8000 :\n")
    print(f"  .venv/bin/simrec serve -w {workspace}")


if __name__ == "__main__":
    main(sys.argv[1])
