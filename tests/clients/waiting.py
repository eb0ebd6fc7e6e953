"""Waiting for what must come."""

import time

PATIENCE = 30


def until(what, look, patience=PATIENCE):
    """Waits until `look` returns something, and returns that."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {patience} s in vain for {what}")
