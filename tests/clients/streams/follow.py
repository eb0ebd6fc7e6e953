"""The example program `follow` of each language, as a process."""

import json
import queue
import signal
import subprocess
import sys
import threading

from gateway import ROOT

CLIENTS = ROOT / "clients"
JAVA = CLIENTS / "java/target"
COMMANDS = {
    "go": [ROOT / "target/clients/follow-go"],
    "java": [
        "java",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        f"{JAVA}/classes:{JAVA}/test-classes:{JAVA}/lib/*",
        "io.falcogateway.client.examples.Follow",
    ],
    "python": [sys.executable, CLIENTS / "python/examples/follow.py"],
    "rust": [ROOT / "target/debug/examples/follow"],
    "typescript": ["node", CLIENTS / "typescript/dist/examples/follow.js"],
}
PATIENCE = 45


class Follow:
    """A running example."""

    def __init__(self, language, address, **request):
        command = [*COMMANDS[language], address, json.dumps(request)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)

    def next(self):
        """The next line; None at the end."""
        return self._lines.get(timeout=PATIENCE)

    def find(self, kind, **wanted):
        """Reads on until a line is of this kind and has these values."""
        seen = []
        while line := self.next():
            seen.append(line)
            if line["kind"] == kind and all(line[key] == value for key, value in wanted.items()):
                return line
        raise AssertionError(f"it ended without {kind} {wanted}, after {seen[-5:]}")

    def take(self, count):
        """The next alerts."""
        return [self.find("alert") for _ in range(count)]

    def rest(self):
        """All lines up to the last."""
        lines = []
        while line := self.next():
            lines.append(line)
        return lines

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def exit_code(self):
        return self.process.wait(timeout=PATIENCE)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
