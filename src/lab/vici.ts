/** The text that `swanctl --raw` prints: {key=value list=[a b] section {…}}. */

export type ViciValue = string | string[] | ViciSection;
export interface ViciSection {
  [key: string]: ViciValue;
}

export class ViciError extends Error {}

/** Reads one section, braces included. Throws `ViciError` on anything else. */
export function parseVici(text: string): ViciSection {
  const reader = { text, at: 0 };
  blanks(reader);
  if (reader.text[reader.at] !== "{") throw new ViciError(`a section begins with {, this with ${text.slice(0, 20)}`);
  return section(reader, 0);
}

interface Reader {
  readonly text: string;
  at: number;
}

/** Deeper than this nobody nests; the bound keeps hostile text from exhausting the stack. */
const DEEPEST = 32;

function blanks(reader: Reader): void {
  while (reader.text[reader.at] === " " || reader.text[reader.at] === "\n") reader.at++;
}

/** Characters up to one of `stops`, which is not consumed. */
function word(reader: Reader, stops: string): string {
  const begin = reader.at;
  while (reader.at < reader.text.length && !stops.includes(reader.text[reader.at]!)) reader.at++;
  return reader.text.slice(begin, reader.at);
}

function section(reader: Reader, depth: number): ViciSection {
  if (depth > DEEPEST) throw new ViciError("sections are nested too deep");
  const found: ViciSection = Object.create(null) as ViciSection;
  reader.at++;
  for (;;) {
    blanks(reader);
    const next = reader.text[reader.at];
    if (next === undefined) throw new ViciError("a section has no end");
    if (next === "}") {
      reader.at++;
      return found;
    }
    const key = word(reader, " ={}[]\n");
    if (key === "") throw new ViciError(`no key at ${reader.at}`);
    blanks(reader);
    if (reader.text[reader.at] === "{") {
      found[key] = section(reader, depth + 1);
    } else if (reader.text[reader.at] === "=") {
      reader.at++;
      found[key] = reader.text[reader.at] === "[" ? list(reader) : word(reader, " }\n");
    } else {
      throw new ViciError(`${key} has neither a value nor a section`);
    }
  }
}

function list(reader: Reader): string[] {
  reader.at++;
  const items: string[] = [];
  for (;;) {
    blanks(reader);
    const next = reader.text[reader.at];
    if (next === undefined) throw new ViciError("a list has no end");
    if (next === "]") {
      reader.at++;
      return items;
    }
    items.push(word(reader, " ]\n"));
  }
}
