// The report of an alert. The gateway makes it of elements for text only, and so does this
// page believe it: whatever else were in it would not be taken over.

const ELEMENTS = new Set(
  "SECTION H2 H3 H4 P UL OL LI TABLE THEAD TBODY TR TH TD CODE PRE A STRONG EM BR DL DT DD".split(" "));

// A document that is parsed and not shown runs nothing, and loads nothing.
const trusted = globalThis.trustedTypes?.createPolicy("report", { createHTML: (html) => html });

/** The elements of a report that is HTML, without the details: they are around it in their own form. */
export function reportOf(html) {
  const { body } = new DOMParser().parseFromString(trusted ? trusted.createHTML(html) : html, "text/html");
  const part = document.createDocumentFragment();
  copy(body, part);
  for (const section of part.querySelectorAll("section")) {
    if (section.querySelector("h2")?.textContent === "Details") section.remove();
  }
  return part;
}

function copy(from, to) {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) to.append(node.data);
    else if (node.nodeType === Node.ELEMENT_NODE && ELEMENTS.has(node.nodeName)) to.append(copied(node));
  }
}

function copied(node) {
  const element = document.createElement(node.nodeName);
  const href = node.getAttribute("href");
  if (node.nodeName === "A" && href?.startsWith("https://")) {
    Object.assign(element, { href, rel: "noreferrer", target: "_blank" });
  }
  copy(node, element);
  return element;
}
