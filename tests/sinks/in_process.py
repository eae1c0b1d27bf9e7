"""The command line in this process: a sink does not care in whose process it is written."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

from simrec.cli import main
from tests.conftest import Ran


def in_process(*arguments: object) -> Ran:
    """Run a command as its script does; return how it ended, and what it said."""
    out = io.StringIO()
    err = io.StringIO()
    code = 0
    words = ["simrec", *map(str, arguments)]
    with patch.object(sys, "argv", words), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())
