import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readable } from "../../../src/router/log.ts";
import { jsonText, shown, shownAll } from "../../../src/router/shown.ts";

const BAD = "\x1b]0;x\x07 \x00 \r\n \x7f \x9b2J \u202egpj \u2066 \u2028 \u00ad \ufeff \ud800 \u{e0041}";
/** Anything of a terminal, or of the direction of text. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

describe("text that others wrote", () => {
  it("is shown on one line, with what is unseen made visible", () => {
    expect(shown("\x1b[2J\n\x9b\u202e\u{e0041}\ud800")).toBe("\\u001b[2J\\u000a\\u009b\\u202e\\udb40\\udc41\\ud800");
    expect(shown(BAD)).not.toMatch(UNSEEN);
  });

  it("is left alone when it is text, in any script", () => {
    for (const text of ["Süd – 2. Stock", "杭州", "تهران‌پارس", "👨‍👩‍👧 ✓", "a\\u001b"]) expect(shown(text)).toBe(text);
  });

  it("stays as it is when it is shown twice, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const once = shown(text);
        expect(once.replace(/[\u200c\u200d]/g, "")).not.toMatch(UNSEEN);
        expect(shown(once)).toBe(once);
      }),
    );
  });

  it("is shown wherever it stands in a value", () => {
    const value = { "\x1b": ["\x9b", { a: "\x7f" }, 1, null, true] };
    expect(shownAll(value)).toEqual({ "\\u001b": ["\\u009b", { a: "\\u007f" }, 1, null, true] });
  });

  it("is the same value as JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "binary" }), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = jsonText(value, indent);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(text.replace(/[\n\u200c\u200d]/g, "")).not.toMatch(UNSEEN);
      }),
    );
    expect(jsonText({ a: "\x9b\u202e" }, 2)).toBe('{\n  "a": "\\u009b\\u202e"\n}');
  });

  it("is shown in a line of the log that a person reads", () => {
    const line = readable(
      JSON.stringify({ level: 30, time: 0, msg: BAD, host: BAD, word: "\x9b2J", err: { message: BAD } }),
      false,
    );
    expect(line).not.toMatch(UNSEEN);
    expect(line).toContain("word=\\u009b2J");
  });
});
