"""A property-based client that is made of the OpenAPI document: schemathesis, where it is installed.

`pip install schemathesis` into an environment of its own, and put its command on the PATH.
"""

import os
import shutil
import subprocess

import pytest

from tests.serve.site import Server

CLIENT = shutil.which("schemathesis")


@pytest.mark.skipif("SIMREC_LONG" not in os.environ, reason="takes a minute: set SIMREC_LONG=1")
@pytest.mark.skipif(CLIENT is None, reason="there is no command schemathesis")
def test_every_answer_is_as_the_document_says(server: Server) -> None:
    """Nothing is 5xx, and whatever is answered has a status, a type and a schema of the document.

    That a query has exactly one seed is said in words, so that not all that the schema allows is
    accepted.
    """
    document = f"http://127.0.0.1:{server.port}/v1/openapi.json"
    command = [str(CLIENT), "run", document, "--max-examples", "100", "--seed", "1"]
    done = subprocess.run(
        [*command, "--exclude-checks", "positive_data_acceptance"],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stdout[-4_000:]
