"""One lab for the whole run: `tests/lab/sandbox /usr/bin/python3 -m pytest -q tests/lab`."""

import pytest

from lab import Lab, LabError


@pytest.fixture(scope="session")
def lab():
    try:
        made, refusal = Lab(), ""
    except LabError as error:
        made, refusal = None, str(error)
    if made is None:
        pytest.fail(refusal, pytrace=False)
    with made:
        yield made


@pytest.fixture(scope="session")
def libvirt(lab):
    """A lab with libvirtd."""
    lab.start_libvirt()
    return lab
