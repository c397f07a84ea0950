import { describe, expect, it } from "vitest";
import * as L from "../../../assembly/layout.ts";
import { type RingRecord, Router } from "./harness.ts";
import { cmsg, sockaddr } from "./kernel.ts";
import { HOST } from "./tables.ts";

/** struct mmsghdr, iovec as <bits/socket.h> has them on 64-bit Linux. */
function checkReady(router: Router): void {
  for (let index = 0; index < L.BATCH; index++) {
    const at = router.arena + L.RXMSG + index * L.MSG_STRIDE;
    const pointer = (offset: number) => Number(router.get64(at + offset) - HOST) - router.arena;
    expect(pointer(0)).toBe(L.RXNAME + index * L.NAME_STRIDE);
    expect(router.get32(at + 8)).toBe(L.NAME_STRIDE);
    expect(pointer(16)).toBe(L.RXIOV + index * L.IOV_STRIDE);
    expect(router.get64(at + 24)).toBe(1n);
    expect(pointer(32)).toBe(L.RXCTL + index * L.CTL_STRIDE);
    expect(router.get64(at + 40)).toBe(BigInt(L.CTL_STRIDE));
    expect(router.get32(at + 48)).toBe(0);
    const iov = router.arena + L.RXIOV + index * L.IOV_STRIDE;
    const base = Number(router.get64(iov) - HOST) - router.arena;
    expect(base).toBe(L.RX + index * L.SLOT_STRIDE + L.SLOT_HEADROOM);
    expect(router.get64(iov + 8)).toBe(BigInt(L.SLOT_SIZE));
  }
}

describe("the messages of recvmmsg", () => {
  it("are ready before each call, whatever the one before filled", () => {
    const router = new Router();
    for (const count of [0, 3, L.BATCH, 1, 1]) {
      router.exports.fill();
      checkReady(router);
      router.receive(L.SOCKET_NAT4, ...Array.from({ length: count }, () => ({ bytes: Buffer.from([0xff]) })));
      expect(router.counters()["udp-short"]).toBeUndefined();
    }
    // recvmmsg may be called again after it failed: nothing was filled then.
    router.exports.fill();
    router.exports.fill();
    checkReady(router);
  });

  it("have control data that is read only as far as it goes", () => {
    const router = new Router();
    const info = Buffer.concat([Buffer.alloc(4), Buffer.from([198, 51, 100, 1, 198, 51, 100, 1])]);
    const tos = cmsg(0, 1, Buffer.from([3]));
    const whole = Buffer.concat([tos, cmsg(0, 8, info)]);
    const message = Buffer.alloc(28);
    message.writeUInt32BE(28, 24);
    const local = (length: number) => {
      router.exports.fill();
      const at = router.arena + L.RXMSG;
      router.bytes.set(whole, router.arena + L.RXCTL);
      router.bytes.set(message, router.arena + L.RX + L.SLOT_HEADROOM);
      router.bytes.set(sockaddr({ address: "192.0.2.1", port: 500 }), router.arena + L.RXNAME);
      router.set32(at + 8, 16);
      router.view.setBigUint64(at + 40, BigInt(length), true);
      router.set32(at + 56, message.length);
      router.exports.inbound(L.SOCKET_IKE4, 1);
      return [...(router.ring()[0] as RingRecord).local.subarray(0, 4)];
    };
    expect(local(whole.length)).toEqual([198, 51, 100, 1]);
    // The kernel counts padding or not.
    expect(local(tos.length + 28)).toEqual([198, 51, 100, 1]);
    for (const length of [tos.length + 27, tos.length + 16, tos.length, 17, 16, 0]) {
      expect(local(length)).toEqual([0, 0, 0, 0]);
    }
  });
});
