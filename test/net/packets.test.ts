/** Packets at the edges of what the road takes: too large, at the end of their life, with a segment size too big. */
import { describe, expect, it } from "vitest";
import { measureInPeace } from "../../src/lab/busy.ts";
import { Capture } from "../../src/lab/capture.ts";
import { inside, run } from "../../src/lab/command.ts";
import { traffic } from "../../src/lab/iperf.ts";
import { ping } from "../../src/lab/ping.ts";
import { region } from "./region.ts";
import { asRoot } from "./root.ts";

/** ICMP and IP header bytes in front of ping's payload. */
const HEADERS = { ipv4: 28, ipv6: 48 };

/** tcpdump's filter for the first segments of connections; it cannot look into TCP over IPv6 by name. */
const SYN = "tcp[tcpflags] & tcp-syn != 0 or (ip6[6] == 6 and ip6[53] & 2 != 0)";

describe.skipIf(!asRoot("packet sizes and lifetimes"))("packets through the tunnels", () => {
  const lab = region("p");
  const ns = (place: string) => lab().namespace(place);

  async function mtu(place: string): Promise<number> {
    return (await lab().router(place).status()).tunnels[0]!.mtu;
  }

  /** Hosts remember the path MTU that an earlier test taught them. */
  async function forget(): Promise<void> {
    for (const place of ["branch-a-lan", "branch-b-lan", "vpc"]) {
      await run(inside(ns(place), ["sh", "-c", "ip route flush cache; ip -6 route flush cache"]));
    }
  }

  /** All answers are wanted, and no ICMP error comes. */
  const patient = { count: 3, interval: 0.05, patience: 10 };

  const PATHS = [
    { from: "branch-a-lan", edge: "branch-a", own: { ipv4: "10.255.0.1", ipv6: "fd00:ff::1" } },
    { from: "branch-b-lan", edge: "branch-b", own: { ipv4: "10.255.0.2", ipv6: "fd00:ff::2" } },
  ] as const;
  const VPC = { ipv4: "10.100.0.2", ipv6: "fd00:100::2" };

  describe.each(PATHS)("from $from", ({ from, edge, own }) => {
    it("too big for the tunnel and not to be fragmented: the sender is told the MTU that fits", async () => {
      await forget();
      const fits = await mtu(edge);
      expect(fits).toBeGreaterThan(1350);
      expect(fits).toBeLessThan(1500);
      const four = await ping(ns(from), VPC.ipv4, { count: 1, size: 1500 - HEADERS.ipv4, df: "do" });
      expect(four.errors).toEqual([{ from: own.ipv4, text: `Frag needed and DF set (mtu = ${fits})` }]);
      const six = await ping(ns(from), VPC.ipv6, { count: 1, size: 1500 - HEADERS.ipv6, df: "do" });
      expect(six.errors).toEqual([{ from: own.ipv6, text: `Packet too big: mtu=${fits}` }]);
      expect((await lab().router(edge).status()).drops["too-big"]).toBeGreaterThanOrEqual(2);
    });

    it("exactly as big as the tunnel's MTU pass", async () => {
      await forget();
      const fits = await mtu(edge);
      const four = await ping(ns(from), VPC.ipv4, { ...patient, size: fits - HEADERS.ipv4, df: "do" });
      expect(four.received, four.output).toBe(3);
      const six = await ping(ns(from), VPC.ipv6, { ...patient, size: fits - HEADERS.ipv6, df: "do" });
      expect(six.received, six.output).toBe(3);
    });

    it("too big, but free to be fragmented, arrive", async () => {
      await forget();
      const before = (await lab().router(edge).status()).counters.fragmented!;
      for (const size of [1472, 3000, 9000]) {
        const result = await ping(ns(from), VPC.ipv4, { ...patient, size, df: "dont" });
        expect(result.received, `${size} bytes\n${result.output}`).toBe(3);
      }
      expect((await lab().router(edge).status()).counters.fragmented).toBeGreaterThan(before);
    });

    it("too big over IPv6 arrive as soon as both ends know the MTU", async () => {
      await forget();
      const first = await ping(ns(from), VPC.ipv6, { count: 1, size: 3000, df: "dont" });
      expect(first.errors.map((error) => error.text)).toEqual([`Packet too big: mtu=${await mtu(edge)}`]);
      // The answer is as large: now the other host learns the MTU.
      await ping(ns(from), VPC.ipv6, { count: 1, size: 3000, df: "dont" });
      const result = await ping(ns(from), VPC.ipv6, { ...patient, count: 4, size: 3000, df: "dont" });
      expect(result.received, result.output).toBe(4);
    });

    it("carry a TCP segment size that fits the tunnel", async () => {
      const fits = await mtu(edge);
      const capture = await Capture.start(lab().state, `syn-${edge}`, ns("vpc"), SYN);
      for (const address of Object.values(VPC)) {
        const { result } = await measureInPeace(
          () => traffic(ns(from), address, { protocol: "tcp", seconds: 1, offeredMbps: 20 }),
          ({ mbps }) => mbps > 15,
        );
        expect(result.mbps).toBeGreaterThan(15);
      }
      await capture.stop();
      const sizes = capture.packets().flatMap(({ etherType, data }) => {
        const four = etherType === 0x0800;
        const tcp = data.subarray(four ? (data[0]! & 15) * 4 : 40);
        const syn = (tcp[13]! & 0x12) === 0x02;
        // The capture sees the SYN as it arrives; its first option is the maximum segment size (RFC 9293 §3.2).
        return syn && tcp[20] === 2 ? [{ four, size: tcp.readUInt16BE(22) }] : [];
      });
      expect(sizes.length).toBeGreaterThanOrEqual(4);
      for (const { four, size } of sizes) expect(size).toBe(fits - (four ? 40 : 60));
    });
  });

  it("lose one of their lives at each router, and the one where the last is lost tells who it is", async () => {
    const hop = async (address: string, ttl: number) => {
      const result = await ping(ns("branch-a-lan"), address, { count: 1, ttl });
      return result.received === 1 ? "arrived" : result.errors.map((error) => error.from).join();
    };
    // branch-a's kernel, the gateway's hub road, branch-b's kernel, the host.
    const four = [1, 2, 3, 4].map((ttl) => hop("10.2.0.2", ttl));
    expect(await Promise.all(four)).toEqual(["10.1.0.1", "10.255.0.100", "10.255.0.2", "arrived"]);
    const six = [1, 2, 3, 4].map((ttl) => hop("fd00:2::2", ttl));
    expect(await Promise.all(six)).toEqual(["fd00:1::1", "fd00:ff::100", "fd00:ff::2", "arrived"]);
    const vpc = [1, 2, 3].map((ttl) => hop("10.100.0.2", ttl));
    expect(await Promise.all(vpc)).toEqual(["10.1.0.1", "10.255.0.100", "arrived"]);
    expect((await lab().router("gw").status()).drops["time-exceeded"]).toBe(2);
  });

  it("to where there is no route come back as unreachable", async () => {
    // The kernel knows nothing of 10.200.0.0/16, so it would go to the internet: only the tunnel's road is asked here.
    await run(inside(ns("branch-a"), ["ip", "route", "add", "10.200.0.0/16", "dev", "vcpe0"]));
    const result = await ping(ns("branch-a-lan"), "10.200.0.1", { count: 1 });
    expect(result.errors).toEqual([{ from: "10.255.0.1", text: expect.stringMatching(/Unreachable/) }]);
    expect((await lab().router("branch-a").status()).drops["no-route"]).toBeGreaterThanOrEqual(1);
  });
});
