import threading
import time

# How often in the time that is allowed it looks.
LOOKS = 10


class Watchdog:
    """Calls ``bark``, once, when somebody has waited for longer than ``patience`` seconds."""

    def __init__(self, patience, bark):
        self.patience = patience
        self.has_barked = False
        self._bark = bark
        self._waiting_since = None
        self._over = threading.Event()
        threading.Thread(target=self._watch, name="falcogateway watchdog", daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._over.set()

    def begin(self):
        """The wait begins."""
        self._waiting_since = time.monotonic()

    def end(self):
        """It is over: what follows may take as long as it likes."""
        self._waiting_since = None

    def _watch(self):
        while not self._over.wait(self.patience / LOOKS):
            since = self._waiting_since
            if since is not None and time.monotonic() - since > self.patience:
                self.has_barked = True
                self._bark()
                return
