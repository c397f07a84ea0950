import Type from "typebox";
import { describe, expect, it } from "vitest";
import { formatPath } from "../../../src/router/config/problem.ts";
import { checkStructure } from "../../../src/router/config/structure.ts";

const Code = Type.String({ pattern: "^[a-z]{2}$", description: "Two small letters." });
const Schema = Type.Object(
  {
    code: Type.Optional(Type.Union([Code, Type.Null()])),
    one: Type.Optional(Type.Literal("one")),
    policy: Type.Optional(Type.Enum(["accept", "drop"])),
    text: Type.Optional(Type.String({ maxLength: 3 })),
    list: Type.Optional(Type.Array(Type.String(), { uniqueItems: true })),
    either: Type.Optional(Type.Union([Type.Boolean(), Type.Integer()], { description: "Yes, no, or how many." })),
    pin: Type.Optional(Type.Unsafe<string>({ ...Code, secret: true })),
  },
  { additionalProperties: false },
);

/** "path code: message. next" of each. */
function said(value: unknown): string[] {
  return checkStructure(Schema, value).map(
    ({ path, code, message, next }) => `${formatPath(path)} ${code}: ${message}. ${next}`,
  );
}

describe("what a schema refuses is told in sentences", () => {
  it.each([
    [{ code: "abc" }, 'code pattern: "abc" is not written as it must be. Two small letters'],
    [{ code: 5 }, 'code type: expected a string, found the number 5. Put it in quotes: "5"'],
    [{ one: "two" }, 'one choice: "two" is none of the choices. Write "one"'],
    [{ policy: "allow" }, 'policy choice: "allow" is none of the choices. Write "accept" or "drop"'],
    [{ text: "long" }, "text too-long: it is too long. At most 3 characters are allowed"],
    [{ list: ["a", "a"] }, "list duplicate: something stands in the list twice. Leave each entry once"],
    [{ either: "x" }, 'either choice: "x" is none of the choices. Write Yes, no, or how many'],
    [{ pin: "1234" }, "pin pattern: this is not written as it must be. Two small letters"],
  ])("%j", (value, sentence) => expect(said(value)).toEqual([sentence]));

  it("null where it may stand is no fault", () => expect(said({ code: null })).toEqual([]));
});
