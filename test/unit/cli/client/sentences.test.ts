/** What people read of an error. */
import { describe, expect, it } from "vitest";
import { sentences } from "../../../../src/cli/client/error.ts";
import { asCommand } from "../../../../src/cli/client/kinds.ts";

describe("a sentence", () => {
  it.each([
    ["the name is taken", "The name is taken."],
    ["area mainland is used by 2 more", "Area mainland is used by 2 more."],
    ["there's no such thing: it is gone", "There's no such thing: it is gone."],
    ["vcpe create KIND NAME --key value", "vcpe create KIND NAME --key value."],
    ["https://c.example:8443/v1/ca cannot be read", "https://c.example:8443/v1/ca cannot be read."],
    ["console.example:8443 cannot be reached", "console.example:8443 cannot be reached."],
    ["--ca wants a fingerprint", "--ca wants a fingerprint."],
  ])("begins with a capital, but nobody types one where a command or a name stands: %s", (text, told) =>
    expect(sentences(text)).toBe(told),
  );
});

describe("advice of the console", () => {
  it.each([
    ["GET /v1/instances lists those that exist", "vcpe get instances lists those that exist"],
    [
      "Name one that exists (GET /v1/access-points), or create it first",
      "Name one that exists (vcpe get access-points), or create it first",
    ],
    ["See all users: GET /v1/users", "See all users: vcpe users"],
    ["GET /v1/openapi.json lists all paths", "GET /v1/openapi.json lists all paths"],
  ])("is a command for who types commands: %s", (next, told) => expect(asCommand(next)).toBe(told));
});
