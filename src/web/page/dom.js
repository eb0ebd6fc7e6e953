// Elements, made without HTML: texts of alerts never become markup.

/** An element with properties, and attributes where the name has a dash or is one of ARIA's. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function byId(id) { return document.getElementById(id); }

/** Sets a text only when it is another: so nothing is laid out anew, and nothing read out twice. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Calls `work` at most once in `milliseconds`, and after the last call, too. */
export function atMostEvery(milliseconds, work) {
  let timer;
  return () => { timer ??= setTimeout(() => { timer = undefined; work(); }, milliseconds); };
}

let voice;

/** Tells those who do not see the page. */
export function announce(text) {
  setText((voice ??= byId("voice")), text);
}
