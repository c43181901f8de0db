"""The packages of build/packages in a root of their own: `tools/package && tests/lab/sandbox /usr/bin/python3 -m pytest tests/packaging`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "lab"))
