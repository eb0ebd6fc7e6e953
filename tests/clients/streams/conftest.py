import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from follow import COMMANDS, Follow  # noqa: E402


@pytest.fixture(params=sorted(COMMANDS))
def follow(request):
    """Starts the example of each language in turn."""
    running = []

    def start(address, **stream):
        running.append(Follow(request.param, address, **stream))
        return running[-1]

    yield start
    for one in running:
        one.end()
