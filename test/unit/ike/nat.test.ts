import { describe, expect, it } from "vitest";
import type { Path } from "../../../src/ike/effect.ts";
import { findNat, natPayloads } from "../../../src/ike/nat.ts";
import { NOTIFY, type NotifyPayload, notifyOf } from "../../../src/ike/wire/index.ts";

const INSIDE = { address: Uint8Array.of(192, 168, 7, 2), port: 500 };
const OUTSIDE = { address: Uint8Array.of(203, 0, 113, 9), port: 500 };
const SERVER = { address: Uint8Array.of(198, 51, 100, 1), port: 500 };
const [I, R] = [0x1122334455667788n, 0x99aabbccddeeff00n];

/** What the server finds when a message sent by `path` arrives from `seen`. */
function found(path: Path, seen: Path["remote"], spoil: boolean) {
  return findNat(natPayloads(I, R, path, spoil), I, R, { local: path.remote, remote: seen });
}

describe("the peer's NAT (RFC 7296 §2.23)", () => {
  it.each([
    ["none", INSIDE, false],
    ["claimed", OUTSIDE, false],
    ["translated", { ...INSIDE, port: 1025 }, false],
    ["forced", INSIDE, true],
    ["translated", OUTSIDE, true],
    ["translated", { ...INSIDE, port: 4500 }, true],
  ] as const)("is %s when it is seen at %o, hash spoiled: %s", (remote, seen, spoil) => {
    expect(found({ local: INSIDE, remote: SERVER }, seen, spoil)).toEqual({ supported: true, local: false, remote });
  });

  it("is claimed by who sends any bytes in place of the hash, unless its port shows it", () => {
    const [, destination] = natPayloads(I, R, { local: INSIDE, remote: SERVER }, false) as NotifyPayload[];
    const payloads = [notifyOf(NOTIFY.NAT_DETECTION_SOURCE_IP, new Uint8Array(20).fill(0x5a)), destination!];
    const seen = (port: number) => findNat(payloads, I, R, { local: SERVER, remote: { ...INSIDE, port } }).remote;
    expect(seen(500)).toBe("claimed");
    expect(seen(4500)).toBe("claimed");
    expect(seen(33_000)).toBe("translated");
  });

  it("fits one of several hashes", () => {
    const elsewhere = natPayloads(I, R, { local: OUTSIDE, remote: SERVER }, false);
    const here = natPayloads(I, R, { local: INSIDE, remote: SERVER }, false);
    expect(findNat([...elsewhere, ...here], I, R, { local: SERVER, remote: INSIDE }).remote).toBe("none");
  });

  it("makes a hash that no other one fits when it is spoiled", () => {
    const hashes = [true, false].map(
      (spoil) => natPayloads(I, R, { local: INSIDE, remote: SERVER }, spoil)[0]!.data as Uint8Array,
    );
    expect(hashes[0]).toHaveLength(20);
    expect(Buffer.from(hashes[0]!.subarray(0, 12))).toEqual(Buffer.from(hashes[1]!.subarray(0, 12)));
    expect(Buffer.from(hashes[0]!)).not.toEqual(Buffer.from(hashes[1]!));
  });
});

describe("our own NAT", () => {
  it("is where the peer's hash of our address does not fit it", () => {
    const payloads = natPayloads(I, R, { local: SERVER, remote: OUTSIDE }, true);
    expect(findNat(payloads, I, R, { local: INSIDE, remote: SERVER }).local).toBe(true);
    expect(findNat(payloads, I, R, { local: OUTSIDE, remote: SERVER }).local).toBe(false);
  });
});
