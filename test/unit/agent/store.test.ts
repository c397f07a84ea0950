import { generateKeyPairSync, sign } from "node:crypto";
import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Identity } from "../../../src/agent/identity.ts";
import { EMPTY_ROOT, kept, next, type Signed } from "../../../src/agent/signed.ts";
import { ConfigStore } from "../../../src/agent/store.ts";
import { partHash, rootHash } from "../../../src/protocol/parts.ts";
import { leafOf, type Proof, type Statement, signedText } from "../../../src/protocol/statement.ts";
import type { ConfigFrame } from "../../../src/protocol/stream.ts";
import { treeOf } from "../../../src/protocol/tree.ts";
import { temporary } from "../console/fleet/bed.ts";
import { partsOf } from "./parts.ts";

const ROUTER = "vcpe0123456789ab";

function console(router = ROUTER) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const configKey = publicKey.export({ format: "pem", type: "spki" }) as string;
  const identity: Identity = {
    console: "https://c",
    router,
    key: "",
    chain: [""],
    trust: [""],
    server: null,
    configKey,
  };
  const frame = (
    version: number,
    all: Record<string, unknown>,
    from?: { base: number; put: string[]; remove: string[] },
    textOf: (size: number, root: Buffer) => string = signedText,
  ) => {
    const root = rootHash(new Map(Object.entries(all).map(([key, part]) => [key, partHash(part)])));
    const statement: Statement = { router, version, root, at: "2026-01-01T00:00:00.000Z" };
    const put = from ? Object.fromEntries(from.put.map((key) => [key, all[key]])) : all;
    // The second of three: others have configurations too.
    const others = ["x", "y"].map((other) => leafOf({ ...statement, router: other }));
    const tree = treeOf([others[0], leafOf(statement), others[1]]);
    const signature = sign(null, Buffer.from(textOf(tree.size, tree.root)), privateKey).toString("base64");
    const path = tree.path(1).map((hash) => hash.toString("base64"));
    const proof: Proof = { index: 1, size: 3, path, signature };
    return JSON.parse(
      JSON.stringify({ type: "config", base: from?.base ?? 0, put, remove: from?.remove ?? [], statement, proof }),
    ) as ConfigFrame;
  };
  return { identity, frame };
}

const code = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return undefined;
};

describe("a configuration from the console", () => {
  const { identity, frame } = console();
  const all = partsOf(ROUTER, "a", "b");

  it("is not taken with a signature over the same words that says not what they are", () => {
    const bare = (size: number, root: Buffer) => `${size} ${root.toString("hex")}`;
    expect(code(() => next(frame(3, all, undefined, bare), undefined, identity, 0))).toBe("config-signature");
  });

  it("is not taken with a proof of something else", () => {
    const good = frame(3, all);
    const bent = (proof: Partial<Proof>) =>
      code(() => next({ ...good, proof: { ...good.proof, ...proof } }, undefined, identity, 0));
    expect(bent({})).toBeUndefined();
    expect(bent({ index: 0 })).toBe("config-signature");
    expect(bent({ index: 2 })).toBe("config-signature");
    expect(bent({ size: 4 })).toBe("config-signature");
    expect(bent({ path: good.proof.path.slice(1) })).toBe("config-signature");
    expect(bent({ path: [...good.proof.path, good.proof.path[0]] })).toBe("config-signature");
    expect(bent({ path: ["", ""] })).toBe("config-signature");
    expect(bent({ signature: Buffer.alloc(64).toString("base64") })).toBe("config-signature");
    expect(bent({ signature: "" })).toBe("config-signature");
  });

  it("is changed by what of a part is new; a change of another part is refused", () => {
    const first = next(frame(3, all), undefined, identity, 0);
    const tunnel = { ...(all["tunnel/a"] as object), dpdMs: 5000 };
    const patch = { "tunnel/a": { set: { dpdMs: 5000 }, unset: [], splice: {} } };
    const changed = { ...frame(5, { ...all, "tunnel/a": tunnel }, { base: 3, put: [], remove: [] }), patch };
    const second = next(changed, first, identity, 3);
    expect(second.parts.get("tunnel/a")).toEqual(tunnel);
    expect(Object.isFrozen(second.parts.get("tunnel/a"))).toBe(true);
    const wrong = (patch: ConfigFrame["patch"]) => code(() => next({ ...changed, patch }, first, identity, 3));
    expect(wrong({ "tunnel/x": { set: {}, unset: [], splice: {} } })).toBe("config-base");
    expect(wrong({ "tunnel/a": { set: { dpdMs: 6000 }, unset: [], splice: {} } })).toBe("config-root");
    expect(wrong({ "tunnel/a": { set: {}, unset: [], splice: { routes: { at: 9, remove: 1, insert: [] } } } })).toBe(
      "config-base",
    );
  });

  it("is taken whole, and changed from the one that runs", () => {
    const first = next(frame(3, all), undefined, identity, 0);
    const { "tunnel/a": _, ...rest }: Record<string, unknown> = {
      ...all,
      "tunnel/c": { ...(all["tunnel/b"] as object), name: "c" },
    };
    const second = next(frame(5, rest, { base: 3, put: ["tunnel/c"], remove: ["tunnel/a"] }), first, identity, 3);
    expect([...second.parts.keys()].sort()).toEqual(Object.keys(rest).sort());
    expect(second.parts.get("head")).toBe(first.parts.get("head"));
    expect(Object.isFrozen(second.parts.get("tunnel/c"))).toBe(true);
    expect(first.parts.has("tunnel/a")).toBe(true);
  });

  it("is refused when it is not the console's, not for us, older, not what was signed, or from another base", () => {
    const first = next(frame(3, all), undefined, identity, 0);
    const strange = console();
    expect(code(() => next(strange.frame(9, all), first, identity, 3))).toBe("config-signature");
    expect(code(() => next(frame(9, all), first, { ...identity, router: "vcpeother" }, 3))).toBe("config-signature");
    const later = frame(9, all);
    expect(code(() => next({ ...later, statement: { ...later.statement, version: 10 } }, first, identity, 3))).toBe(
      "config-signature",
    );
    expect(code(() => next(frame(2, all), first, identity, 3))).toBe("config-older");
    expect(code(() => next({ ...later, put: { ...later.put, extra: 1 } }, first, identity, 3))).toBe("config-root");
    const { head: _, ...less } = later.put;
    expect(code(() => next({ ...later, put: less }, first, identity, 3))).toBe("config-root");
    expect(code(() => next(frame(9, all, { base: 4, put: [], remove: [] }), first, identity, 3))).toBe("config-base");
    expect(code(() => next(frame(9, all, { base: 3, put: [], remove: [] }), undefined, identity, 3))).toBe(
      "config-base",
    );
    // The same version again, and a newer one: good.
    expect(next(frame(3, all), first, identity, 3).statement.version).toBe(3);
  });

  it("is refused when a part is not as this version knows it, though it is signed", () => {
    const bent = (key: string, part: unknown) =>
      code(() => next(frame(9, { ...all, [key]: part }), undefined, identity, 0));
    expect(bent("head", { ...(all.head as object), workers: 99 })).toBe("config-part");
    expect(bent("tunnel/a", { ...(all["tunnel/a"] as object), mtu: "big" })).toBe("config-part");
    expect(bent("tunnel/a", { ...(all["tunnel/a"] as object), surprise: 1 })).toBe("config-part");
    expect(bent("something/new", {})).toBe("config-part");
    expect(bent("tunnel", all["tunnel/a"])).toBe("config-part");
    expect(bent("__proto__/x", {})).toBe("config-part");
  });
});

describe("the last good configuration on the disk", () => {
  const { identity, frame } = console();
  const all = partsOf(ROUTER, "a", "b");
  const fresh = () => join(temporary(), "agent", "config.db");
  const first: Signed = next(frame(3, all), undefined, identity, 0);
  const { "tunnel/b": _, ...less } = all;
  const second = next(frame(7, less, { base: 3, put: [], remove: ["tunnel/b"] }), first, identity, 3);

  it("is there again, for its own user only; so is what was seen", () => {
    const path = fresh();
    const { store, fault } = ConfigStore.open(path, identity);
    expect({ fault, last: store.last, seen: store.seen }).toEqual({ fault: undefined, last: undefined, seen: 0 });
    store.keep(first);
    store.keep(second);
    store.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = ConfigStore.open(path, identity).store;
    expect(again.last).toEqual(second);
    expect(again.seen).toBe(7);
    again.close();
  });

  it.each([
    [
      "changed",
      (path: string) =>
        writeFileSync(path, readFileSync(path).toString("latin1").replace("10.10.0.0", "10.66.0.0"), "latin1"),
    ],
    ["cut", (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 5000))],
    ["no database", (path: string) => writeFileSync(path, "hello")],
  ])("is not used when the file was %s: it is put aside", (_what, bend) => {
    const path = fresh();
    const { store } = ConfigStore.open(path, identity);
    store.keep(first);
    store.close();
    bend(path);
    const again = ConfigStore.open(path, identity);
    expect(again.fault).toBeTypeOf("string");
    expect(again.store.last).toBeUndefined();
    expect(existsSync(`${path}.bad`)).toBe(true);
    again.store.keep(second);
    again.store.close();
    expect(ConfigStore.open(path, identity).store.last).toEqual(second);
  });

  it("is not used when another console signed it", () => {
    const path = fresh();
    const { store } = ConfigStore.open(path, identity);
    store.keep(first);
    store.close();
    expect(ConfigStore.open(path, console().identity).fault).toContain("not signed");
  });

  it("what was taken from an older file is believed by nobody", () => {
    const path = fresh();
    const { store } = ConfigStore.open(path, identity);
    store.keep(first);
    store.close();
    copyFileSync(path, `${path}.older`);
    const { store: later } = ConfigStore.open(path, identity);
    later.keep(second);
    expect(code(() => next(frame(3, all), second, identity, later.seen))).toBe("config-older");
    later.close();
    expect(kept(second.parts, second.statement, second.proof, identity)).toEqual(second);
    expect(code(() => kept(first.parts, second.statement, second.proof, identity))).toBe("config-root");
  });

  it("nothing at all has a root too", () => expect(EMPTY_ROOT).toBe(rootHash(new Map())));
});
