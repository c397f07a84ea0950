import { generateKeyPairSync, sign } from "node:crypto";
import { Check } from "typebox/value";
import { describe, expect, it } from "vitest";
import { type RootsStatement, rootsStand, rootsText, SignedRoots } from "../../../src/protocol/roots.ts";
import { leafOf, signedText } from "../../../src/protocol/statement.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const NONCE = "n".repeat(43);
const keys = generateKeyPairSync("ed25519");
const spki = keys.publicKey.export({ format: "pem", type: "spki" }) as string;
const stated: RootsStatement = { number: 7, roots: [PEM] };

function signed(statement: RootsStatement, nonce: string | null, text = rootsText(statement, nonce)): SignedRoots {
  return { statement, nonce, signature: sign(null, Buffer.from(text), keys.privateKey).toString("base64") };
}

describe("the console's word on its roots", () => {
  it("stands as it was signed, and not with another number, root or nonce, nor by another key", () => {
    for (const nonce of [NONCE, null]) {
      const good = signed(stated, nonce);
      expect(rootsStand(good, spki)).toBe(true);
      expect(rootsStand({ ...good, statement: { ...stated, number: 8 } }, spki)).toBe(false);
      expect(rootsStand({ ...good, statement: { ...stated, roots: [`${PEM}x`] } }, spki)).toBe(false);
      expect(rootsStand({ ...good, statement: { ...stated, roots: null } }, spki)).toBe(false);
      expect(rootsStand({ ...good, nonce: nonce === null ? NONCE : null }, spki)).toBe(false);
      expect(rootsStand({ ...good, signature: "" }, spki)).toBe(false);
      const other = generateKeyPairSync("ed25519").publicKey.export({ format: "pem", type: "spki" }) as string;
      expect(rootsStand(good, other)).toBe(false);
    }
    expect(rootsStand(signed({ number: 8, roots: null }, NONCE), spki)).toBe(true);
  });

  it("cannot be taken for a configuration, nor a configuration for it", () => {
    const root = leafOf({ router: "r", version: 7, root: "0".repeat(64), at: "2026-01-01T00:00:00.000Z" });
    const configuration = signedText(1, root);
    expect(rootsStand(signed(stated, null, configuration), spki)).toBe(false);
    expect(rootsText(stated, null).split("\n")[0]).not.toBe(configuration.split("\n")[0]);
    // JSON has no line ends between its values: what comes after the first line cannot begin another text.
    expect(rootsText({ number: 1, roots: ["\n"] }, null).split("\n")).toHaveLength(2);
  });

  it("is of bounded size, and names at least one root or the system's", () => {
    const form = (roots: unknown, number: unknown = 1) =>
      Check(SignedRoots, { statement: { number, roots }, nonce: null, signature: "" });
    expect(form([PEM])).toBe(true);
    expect(form(null)).toBe(true);
    expect(form([])).toBe(false);
    expect(form(Array(5).fill(PEM))).toBe(false);
    expect(form([`${PEM}${"x".repeat(16 * 1024)}`])).toBe(false);
    expect(form(["no certificate"])).toBe(false);
    expect(form(null, 1e300)).toBe(false);
    expect(form(null, -1)).toBe(false);
    expect(Check(SignedRoots, { statement: { number: 1, roots: null }, nonce: "short", signature: "" })).toBe(false);
  });
});
