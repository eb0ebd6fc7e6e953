// The page by keys alone.

import { byId } from "./dom.js";

const SCROLLING = ["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", " "];

/** `actions` are by name: `filter`, `move`, `page`, `open`, `close`, `pause`, `top`, `overview`. */
export function listen(actions) {
  const help = byId("help");
  byId("help-open").addEventListener("click", () => help.showModal());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open || isTyping(event.target)) return;
    // There they scroll.
    if (event.target.closest("#detail, #side") && SCROLLING.includes(event.key)) return;
    const isOnButton = event.target.closest("button, a, summary") && [" ", "Enter"].includes(event.key);
    const act = isOnButton ? undefined : actOf(event.key, actions, help);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function isTyping(element) { return element.closest("input, textarea, select, dialog") !== null; }

function actOf(key, actions, help) {
  switch (key) {
    case "/": return actions.filter;
    case "j": case "ArrowDown": return () => actions.move(1);
    case "k": case "ArrowUp": return () => actions.move(-1);
    case "PageDown": return () => actions.page(1);
    case "PageUp": return () => actions.page(-1);
    case "Home": case "g": return actions.top;
    case "Enter": case "o": return actions.open;
    case "Escape": return actions.close;
    case " ": case "p": return actions.pause;
    case "s": return actions.overview;
    case "?": return () => help.showModal();
    default: return undefined;
  }
}
