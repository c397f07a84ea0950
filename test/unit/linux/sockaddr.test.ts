import fc from "fast-check";
import { expect, test } from "vitest";
import { formatAddress, formatSocketName, readSocketName, writeSocketName } from "../../../src/linux/sockaddr.ts";

const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  // Runs of zeros, which the short form depends on.
  fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes)),
);

test("a socket address read back is the one written", () => {
  fc.assert(
    fc.property(address, fc.nat(65535), fc.nat(2 ** 31), (bytes, port, scope) => {
      const view = new DataView(new ArrayBuffer(48), 8);
      const name = { address: bytes, port, scope: bytes.length === 16 ? scope : 0 };
      expect(writeSocketName(view, 4, name)).toBe(bytes.length === 4 ? 16 : 28);
      expect(readSocketName(view, 4)).toEqual(name);
    }),
  );
});

test("sockaddr_in byte by byte, as ip(7) draws it", () => {
  const view = new DataView(new ArrayBuffer(28));
  writeSocketName(view, 0, { address: Uint8Array.of(192, 0, 2, 1), port: 4500 });
  expect(new Uint8Array(view.buffer, 0, 16)).toEqual(
    Uint8Array.of(2, 0, 0x11, 0x94, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0),
  );
});

test("a family that is no IP gives nothing", () => {
  expect(readSocketName(new DataView(new ArrayBuffer(28)), 0)).toBeUndefined();
});

test("IPv6 text is what the WHATWG URL parser calls canonical", () => {
  fc.assert(
    fc.property(address, (bytes) => {
      const text = formatAddress(bytes);
      const host = bytes.length === 4 ? text : `[${text}]`;
      expect(new URL(`http://${host}/`).hostname).toBe(host);
    }),
  );
});

test("socket names as people write them", () => {
  expect(formatSocketName({ address: Uint8Array.of(10, 0, 0, 1), port: 500 })).toBe("10.0.0.1:500");
  expect(formatSocketName({ address: new Uint8Array(16).fill(1, 15), port: 500 })).toBe("[::1]:500");
});
