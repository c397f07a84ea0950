import { expect, test } from "vitest";
import { hostAddress, read } from "../../../src/linux/ffi.ts";
import { bySpi, selectSocket, TO_FIRST } from "../../../src/linux/reuseport.ts";
import { closeUdp, type Family, openUdp, sendDatagram } from "../../../src/linux/udp.ts";

const LOOPBACK = { 4: Uint8Array.of(127, 0, 0, 1), 6: new Uint8Array(16).fill(1, 15) };

/** `sockets` sockets on one port, one that sends to them, and who got what. */
function group(family: Family, sockets: number) {
  const address = LOOPBACK[family];
  const members = [openUdp({ family, address, port: 0, reusePort: true })];
  const { port } = members[0]!;
  while (members.length < sockets) members.push(openUdp({ family, address, port, reusePort: true }));
  const sender = openUdp({ family, address, port: 0 });
  const bytes = new Uint8Array(new ArrayBuffer(64));
  return {
    first: members[0]!,
    /** Index of the member that got the datagram. */
    send(payload: readonly number[]): number {
      expect(sendDatagram(sender, [Uint8Array.from(payload)], { address, port })).toBe(0);
      const got = members.flatMap(({ fd }, index) => (read(fd, hostAddress(bytes), 64) >= 0 ? [index] : []));
      expect(got).toHaveLength(1);
      return got[0]!;
    },
    close: () => [...members, sender].forEach(closeUdp),
  };
}

test.each([
  [4, 2],
  [4, 3],
  [6, 4],
] as const)("IPv%i, %i sockets: ESP goes by the slot in its SPI, everything else to the first", (family, sockets) => {
  const all = group(family, sockets);
  try {
    selectSocket(all.first.fd, bySpi(sockets));
    for (const slot of [0, 1, 2, 3, 4, 5, 255, 256, 4097, 65534, 65535]) {
      const esp = [0xab, 0xcd, slot >> 8, slot & 255, 0, 0, 0, 1, 9, 9, 9, 9];
      expect(all.send(esp), `slot ${slot}`).toBe(slot % sockets);
    }
    // IKE behind a non-ESP marker, whatever follows it; a keepalive; too short for an SPI; nothing at all.
    for (let n = 0; n < 8; n++) expect(all.send([0, 0, 0, 0, n, n, 1, n])).toBe(0);
    expect(all.send([0xff])).toBe(0);
    expect(all.send([1, 1, 1])).toBe(0);
    expect(all.send([])).toBe(0);
  } finally {
    all.close();
  }
});

test("TO_FIRST sends all to the first", () => {
  const all = group(4, 3);
  try {
    selectSocket(all.first.fd, TO_FIRST);
    for (let n = 1; n < 9; n++) expect(all.send([n, n, n, n, n])).toBe(0);
  } finally {
    all.close();
  }
});

test("a socket that shares no port has no group to choose in", () => {
  const alone = openUdp({ family: 4, address: LOOPBACK[4], port: 0 });
  try {
    expect(() => selectSocket(alone.fd, bySpi(2))).toThrow(expect.objectContaining({ code: "invalid" }));
  } finally {
    closeUdp(alone);
  }
});
