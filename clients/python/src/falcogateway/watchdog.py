from __future__ import annotations

import threading
import time
from collections.abc import Callable

# How often in the time that is allowed it looks.
LOOKS = 10


class Watchdog:
    """Calls ``bark``, once, when somebody has waited for longer than ``patience`` seconds."""

    def __init__(self, patience: float, bark: Callable[[], object]) -> None:
        self.patience = patience
        self.has_barked = False
        self._bark = bark
        self._waiting_since: float | None = None
        self._over = threading.Event()
        threading.Thread(target=self._watch, name="falcogateway watchdog", daemon=True).start()

    def __enter__(self) -> Watchdog:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def begin(self) -> None:
        """The wait begins."""
        self._waiting_since = time.monotonic()

    def end(self) -> None:
        """It is over: what follows may take as long as it likes."""
        self._waiting_since = None

    def _watch(self) -> None:
        while not self._over.wait(min(self.patience / LOOKS, 1.0)):
            since = self._waiting_since
            if since is not None and time.monotonic() - since > self.patience:
                self.has_barked = True
                self._bark()
                return
