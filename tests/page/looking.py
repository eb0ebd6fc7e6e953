"""The page as somebody sees it who sits before it."""

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from waiting import until


class Page:
    def __init__(self, browser, shots):
        self.browser = browser
        self.shots = shots

    def open(self, gateway, fragment="", state="live"):
        self.url = f"http://{gateway.operations}/"
        # A page that is open already only has its fragment changed by that.
        self.browser.get("about:blank")
        self.browser.get(self.url + (f"#{fragment}" if fragment else ""))
        self.browser.execute_script("sessionStorage.clear()")
        if state:
            self.wait_for_state(state)

    def script(self, text, *arguments):
        return self.browser.execute_script(text, *arguments)

    def script_async(self, text, *arguments):
        """Runs the body of an async function, and returns what that gives."""
        told = self.browser.execute_async_script(
            f"""const done = arguments[arguments.length - 1];
            (async (...arguments_) => {{ {text} }})(...arguments).then(
                (value) => done({{ value }}), (error) => done({{ error: String(error) }}))""",
            *arguments,
        )
        assert "error" not in told, told
        return told["value"]

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.script("return document.querySelector(arguments[0])?.textContent ?? ''", selector)

    def texts(self, selector):
        return self.script("return [...document.querySelectorAll(arguments[0])].map((it) => it.textContent)", selector)

    @property
    def state(self):
        return self.script("return document.getElementById('state').dataset.state")

    def wait_for_state(self, state):
        until(f"the state {state}", lambda: self.state == state)

    def wait_for_text(self, selector, text):
        until(f"{text!r} in {selector}", lambda: text in self.text(selector))

    def wait_until_held(self, number):
        """Until it holds so many alerts."""
        until(f"{number} alerts", lambda: self.held == number)

    @property
    def held(self):
        words = self.text("#held").replace(",", "").replace("the newest", "").split()
        return int(words[0]) if words else None

    @property
    def rows(self):
        """What the rows say that are elements, the newest first."""
        return self.script(
            """const rows = [...document.querySelectorAll(".row")];
            rows.sort((a, b) => a.ariaPosInSet - b.ariaPosInSet);
            return rows.map((it) => [...it.children].map((part) => part.textContent))"""
        )

    @property
    def notes(self):
        return self.texts(".row.note .text")

    def keys(self, *keys):
        ActionChains(self.browser).send_keys(*keys).perform()

    def filter(self, text, apply=True):
        box = self.find("#filter")
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(Keys.DELETE)
        box.send_keys(text, *([Keys.ENTER] if apply else []))
        return box

    def media(self, scheme):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def size(self, width, height):
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )

    def shot(self, name):
        assert self.browser.save_screenshot(str(self.shots / f"{name}.png"))

    def assert_nothing_was_forbidden(self):
        told = [entry["message"] for entry in self.browser.get_log("browser")]
        # That a gateway is away, or refuses, the browser tells of itself.
        wrong = [message for message in told if "Failed to load resource" not in message and "net::ERR" not in message]
        assert wrong == []
