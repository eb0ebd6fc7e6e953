// Protobuf, read and written by the schema that build.rs makes of the protos.
//
// Messages are plain objects with the protos' own names. What is not on the wire is not
// there. Enums are their names; 64-bit integers are numbers where those are exact, and
// decimal text beyond.

const VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5;
const WIRE = {
  double: FIXED64, fixed64: FIXED64, sfixed64: FIXED64, float: FIXED32, fixed32: FIXED32, sfixed32: FIXED32,
  string: LENGTH, bytes: LENGTH, message: LENGTH, map: LENGTH,
};
const utf8 = new TextDecoder(), toUtf8 = new TextEncoder();

export class Codec {
  #messages = new Map();
  #enums = new Map();

  constructor({ messages, enums }) {
    for (const [name, values] of Object.entries(enums)) {
      const numbers = new Map(Object.entries(values).map(([number, value]) => [value, Number(number)]));
      this.#enums.set(name, { names: values, numbers });
    }
    for (const [name, fields] of Object.entries(messages)) {
      const byName = new Map(), byNumber = [];
      for (const [number, field, kind, type, repeated] of fields) {
        const it = { number, name: field, kind, type, repeated: repeated && kind !== "map", wire: WIRE[kind] ?? VARINT };
        byName.set(field, it);
        byNumber[number] = it;
      }
      this.#messages.set(name, { byName, byNumber });
    }
  }

  knows(type) { return this.#messages.has(type); }

  decode(type, bytes) { return this.#message(type, new Reader(bytes)); }

  encode(type, message) {
    const out = [];
    const { byName } = this.#messages.get(type);
    for (const [name, value] of Object.entries(message)) {
      const field = byName.get(name);
      if (!field) throw new TypeError(`${type} has no field ${name}`);
      if (value === undefined) continue;
      if (field.kind === "map") {
        for (const [key, its] of Object.entries(value)) this.#write(out, field, { key, value: its });
      } else {
        for (const one of field.repeated ? value : [value]) this.#write(out, field, one);
      }
    }
    return Uint8Array.from(out);
  }

  #message(type, reader) {
    const message = {};
    const { byNumber } = this.#messages.get(type);
    while (reader.at < reader.end) {
      const key = reader.varint();
      const field = byNumber[key >>> 3], wire = key & 7;
      // What a later gateway sends besides is none of ours.
      if (!field) reader.skip(wire);
      else if (field.kind === "map") this.#entry(message, field, reader);
      else if (field.repeated && wire === LENGTH && field.wire !== LENGTH) {
        const packed = reader.part(), list = (message[field.name] ??= []);
        while (packed.at < packed.end) list.push(this.#value(field, packed));
      } else if (field.repeated) (message[field.name] ??= []).push(this.#value(field, reader));
      else message[field.name] = this.#value(field, reader);
    }
    return message;
  }

  #entry(message, field, reader) {
    const entry = this.#message(field.type, reader.part());
    // Keys come from alerts: `__proto__` is one like any other.
    const map = (message[field.name] ??= Object.create(null));
    map[entry.key ?? ""] = entry.value ?? this.#absent(field.type);
  }

  #absent(entry) {
    const { kind } = this.#messages.get(entry).byName.get("value");
    return { string: "", bool: false, message: {} }[kind] ?? 0;
  }

  #value(field, reader) {
    switch (field.kind) {
      case "string": return reader.string();
      case "message": return this.#message(field.type, reader.part());
      case "enum": {
        const number = Number(reader.int64(true));
        return this.#enums.get(field.type).names[number] ?? number;
      }
      case "bool": return reader.varint() !== 0;
      case "uint32": return reader.varint() >>> 0;
      case "int32": return Number(reader.int64(true));
      case "int64": return reader.int64(true);
      case "uint64": return reader.int64(false);
      case "bytes": return reader.bytes();
      case "double": return reader.view(8).getFloat64(0, true);
      case "float": return reader.view(4).getFloat32(0, true);
      case "fixed32": return reader.view(4).getUint32(0, true);
      case "fixed64": return exact(reader.view(8).getBigUint64(0, true));
      default: throw new TypeError(`no ${field.kind} is known`);
    }
  }

  #write(out, field, value) {
    writeVarint(out, BigInt((field.number << 3) | field.wire));
    switch (field.kind) {
      case "string": return writeBytes(out, toUtf8.encode(value));
      case "bytes": return writeBytes(out, value);
      case "message": case "map": return writeBytes(out, this.encode(field.type, value));
      case "enum": return writeVarint(out, BigInt(this.#enums.get(field.type).numbers.get(value) ?? value));
      case "double": {
        const view = new DataView(new ArrayBuffer(8));
        view.setFloat64(0, value, true);
        return void out.push(...new Uint8Array(view.buffer));
      }
      default: return writeVarint(out, BigInt(value));
    }
  }
}

class Reader {
  constructor(data, at = 0, end = data.length) {
    this.data = data;
    this.at = at;
    this.end = end;
  }

  byte() {
    if (this.at >= this.end) throw new RangeError("a message ends too early");
    return this.data[this.at++];
  }

  // The low 32 bits, which are all for tags, lengths and small numbers.
  varint() {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte();
      if (shift < 32) value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
    throw new RangeError("a number is too long");
  }

  int64(signed) {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return exact(signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value));
    }
    throw new RangeError("a number is too long");
  }

  #take(length) {
    const from = this.at;
    if (length > this.end - from) throw new RangeError("a message ends too early");
    this.at += length;
    return from;
  }

  part() {
    const length = this.varint(), from = this.#take(length);
    return new Reader(this.data, from, from + length);
  }

  bytes() {
    const { at, end } = this.part();
    return this.data.slice(at, end);
  }

  string() {
    const { at, end } = this.part();
    return utf8.decode(this.data.subarray(at, end));
  }

  view(length) {
    return new DataView(this.data.buffer, this.data.byteOffset + this.#take(length), length);
  }

  skip(wire) {
    if (wire === VARINT) this.varint();
    else if (wire === LENGTH) this.part();
    else if (wire === FIXED64) this.#take(8);
    else if (wire === FIXED32) this.#take(4);
    else throw new RangeError("a field is of no known form");
  }
}

function exact(value) {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

function writeVarint(out, value) {
  let rest = BigInt.asUintN(64, value);
  for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  out.push(Number(rest));
}

function writeBytes(out, bytes) {
  writeVarint(out, BigInt(bytes.length));
  for (const byte of bytes) out.push(byte);
}
