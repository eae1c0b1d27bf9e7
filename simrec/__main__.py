"""`python -m simrec` is the command line."""

from simrec.cli import main

main()
