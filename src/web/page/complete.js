// What can be typed next in a filter, from what stands before the caret.

import { quoted } from "./words.js";

const MOST = 12;
const ORDER = ["<", "<=", ">", ">="];
const TEXT = ["contains", "icontains", "startswith", "endswith", "glob", "iglob", "regex", "pmatch"];
const LISTS = ["in", "intersects", "pmatch"];
const TOKEN = /"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|[<>!=]=?|[(),]|[^\s()",'<>!=]+/g;

/** The language's words, as the gateway lists them. */
export class Vocabulary {
  fields = new Map();
  operators = [];
  transformers = [];

  constructor(text) {
    for (const line of text.split("\n")) {
      const [kind, word, type, values] = line.split("\t");
      if (kind === "field") this.fields.set(word, { type, values: values ? values.split(" ") : [] });
      if (kind === "operator") this.operators.push(word);
      if (kind === "transformer") this.transformers.push(word);
    }
  }

  operatorsFor(field) {
    const type = this.fields.get(field)?.type;
    const foreign = type === undefined ? [] : ["priority", "number"].includes(type) ? TEXT : ORDER;
    return this.operators.filter((operator) => !foreign.includes(operator));
  }
}

/**
 * What may follow `before`: `{ from, options: [{ text, about }] }`, where `from` is the
 * start of what is replaced. `seen` gives the values that alerts have in a field.
 */
export function completions(before, vocabulary, seen) {
  const tokens = [...before.matchAll(TOKEN)].map((match) => ({ text: match[0], at: match.index }));
  const last = tokens.at(-1);
  const isOpen = last && last.at + last.text.length === before.length && !/^[(),]$/.test(last.text);
  const partial = isOpen ? tokens.pop() : { text: "", at: before.length };
  const { expect, field } = understood(tokens, vocabulary);
  const options = choices(expect, field, vocabulary, seen);
  const typed = partial.text.replace(/^["']/, "").toLowerCase();
  const found = options.filter(({ text }) => text !== partial.text && text.toLowerCase().includes(typed));
  found.sort((a, b) => Number(begins(b, typed)) - Number(begins(a, typed)));
  return { from: partial.at, options: found.slice(0, MOST) };
}

function begins({ text }, typed) { return text.replace(/^"/, "").toLowerCase().startsWith(typed); }

// What is expected after the tokens, and for which field.
function understood(tokens, { transformers }) {
  let expect = "field", field = "";
  for (const { text } of tokens) {
    if (expect === "field") {
      if (text === "(" || text === "not" || transformers.includes(`${text}(`)) continue;
      [expect, field] = ["operator", text];
    } else if (expect === "operator") {
      if (text === ")") continue;
      expect = text === "exists" ? "join" : LISTS.includes(text) ? "list" : "value";
    } else if (expect === "list") expect = text === "(" ? "item" : "list";
    else if (expect === "item") expect = text === ")" ? "join" : "item";
    else if (expect === "value") expect = "join";
    else if (text === "and" || text === "or") expect = "field";
  }
  return { expect, field };
}

function choices(expect, field, vocabulary, seen) {
  const plain = (about) => (text) => ({ text, about });
  switch (expect) {
    case "field": {
      const fields = [...vocabulary.fields].map(([text, { type }]) => ({ text, about: type }));
      return [...fields, ...["not", ...vocabulary.transformers].map(plain(""))];
    }
    case "operator": return vocabulary.operatorsFor(field).map(plain("operator"));
    case "list": return [{ text: "(", about: "a list" }];
    case "join": return ["and", "or"].map(plain(""));
    default: {
      const known = (vocabulary.fields.get(field)?.values ?? []).map(plain("value"));
      return [...known, ...seen(field).map((value) => ({ text: quoted(value), about: "seen" }))];
    }
  }
}
