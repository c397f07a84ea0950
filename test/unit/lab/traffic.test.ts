import { describe, expect, it } from "vitest";
import { isBusy, parseIperf, parseUnread } from "../../../src/lab/iperf.ts";
import { judged, PingStream, parsePing, parseSent, parseStream } from "../../../src/lab/ping.ts";

describe("ping's words", () => {
  it("give loss and round-trip time", () => {
    const result = parsePing(`PING 10.2.0.1 (10.2.0.1) 56(84) bytes of data.
64 bytes from 10.2.0.1: icmp_seq=1 ttl=64 time=1.03 ms

--- 10.2.0.1 ping statistics ---
4 packets transmitted, 3 received, 25% packet loss, time 404ms
rtt min/avg/max/mdev = 0.620/0.781/1.026/0.175 ms
`);
    expect(result).toMatchObject({ sent: 4, received: 3, lossPct: 25, rttMs: 0.781, errors: [] });
  });

  it("give the ICMP errors that came back", () => {
    const result = parsePing(`PING 10.2.0.1 (10.2.0.1) 1472(1500) bytes of data.
From 10.255.0.1 icmp_seq=1 Frag needed and DF set (mtu = 1420)
From 10.255.0.1: icmp_seq=2 Time to live exceeded

--- 10.2.0.1 ping statistics ---
2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 404ms
`);
    expect(result.errors).toEqual([
      { from: "10.255.0.1", text: "Frag needed and DF set (mtu = 1420)" },
      { from: "10.255.0.1", text: "Time to live exceeded" },
    ]);
    expect(result.rttMs).toBeUndefined();
    expect(result.lossPct).toBe(100);
  });

  it("of IPv6 errors too", () => {
    const result = parsePing(`From fd00:ff::1 icmp_seq=1 Packet too big: mtu=1430
From fd00:1::1: icmp_seq=2 Time exceeded: Hop limit

--- fd00:2::1 ping statistics ---
2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 404ms
`);
    expect(result.errors).toEqual([
      { from: "fd00:ff::1", text: "Packet too big: mtu=1430" },
      { from: "fd00:1::1", text: "Time exceeded: Hop limit" },
    ]);
  });

  it("of a stream name what was lost of the packets that were sent when its end was asked for", () => {
    const answers = [1, 2, 4, 5, 5, 6, 7].map((n) => `64 bytes from 10.2.0.1: icmp_seq=${n} ttl=64 time=1 ms`);
    answers[4] += " (DUP!)";
    const output = `${answers.join("\n")}\n8 packets transmitted, 6 received, +1 duplicates, 25% packet loss, time 1ms\n`;
    expect(parseStream(output, 7)).toEqual({ sent: 7, lost: [3], duplicates: 1 });
    expect(parseStream(output)).toEqual({ sent: 8, lost: [3, 8], duplicates: 1 });
    expect(parseSent("\r6/7 packets, 14% loss, min/avg/ewma/max = 0.028/0.030/0.032/0.036 ms")).toBe(7);
    expect(parseSent("")).toBeUndefined();
  });

  it("are a fault when a stream did not run", async () => {
    await expect(new PingStream("", "").stop()).rejects.toMatchObject({ code: "bad-output" });
  });

  it("with a deadline count for the packets that were asked for, however many it sent", () => {
    const answers = (...numbers: number[]) =>
      numbers.map((n) => `64 bytes from 10.2.0.1: icmp_seq=${n} ttl=64 time=1 ms`).join("\n");
    const late = `${answers(1, 2, 4, 3)}\n4 packets transmitted, 4 received, 0% packet loss, time 1ms\n`;
    expect(judged(parsePing(late), 3)).toMatchObject({ sent: 3, received: 3, lossPct: 0 });
    const lost = `${answers(1, 3, 4)}\n4 packets transmitted, 3 received, 25% packet loss, time 1ms\n`;
    expect(judged(parsePing(lost), 3)).toMatchObject({ sent: 3, received: 2 });
    const none = "3 packets transmitted, 0 received, 100% packet loss, time 1ms\n";
    expect(judged(parsePing(none), 5)).toMatchObject({ sent: 3, received: 0, lossPct: 100 });
  });

  it("without a summary are a fault", () => {
    expect(() => parsePing("ping: connect: Network is unreachable\n")).toThrow(/unreachable/);
  });
});

describe("iperf3's JSON", () => {
  it("gives TCP throughput, and what was sent again as loss", () => {
    const end = {
      sum_sent: { bits_per_second: 9e7, bytes: 1_000_000, retransmits: 10 },
      sum_received: { bits_per_second: 8e7, bytes: 990_000 },
    };
    const result = parseIperf(JSON.stringify({ start: { tcp_mss_default: 1000 }, end }), "tcp");
    expect(result.mbps).toBe(80);
    expect(result.lossPct).toBeCloseTo(1);
  });

  it("gives what arrived of UDP", () => {
    const sum = { bits_per_second: 50e6, bytes: 1, packets: 100, lost_packets: 10, lost_percent: 10 };
    expect(parseIperf(JSON.stringify({ end: { sum } }), "udp")).toEqual({ mbps: 45, lossPct: 10, packets: 100 });
  });

  it("does not tell what the receiving program left unread: the kernel does", () => {
    const four =
      "Udp: InDatagrams RcvbufErrors InCsumErrors\nUdp: 100 7 0\nUdpLite: InDatagrams RcvbufErrors\nUdpLite: 0 9\n";
    expect(
      parseUnread(`${four}Udp6InDatagrams \t1\nUdp6RcvbufErrors                \t5\nUdpLite6RcvbufErrors \t3\n`),
    ).toBe(12);
    expect(() => parseUnread("nothing")).toThrow(/RcvbufErrors/);
  });

  it("passes on iperf3's own complaint, and refuses what is not its report", () => {
    expect(() => parseIperf('{"error":"unable to connect to server"}', "tcp")).toThrow(/unable to connect/);
    expect(() => parseIperf("{}", "tcp")).toThrow(/no TCP summary/);
    expect(() => parseIperf("{}", "udp")).toThrow(/no UDP summary/);
    expect(() => parseIperf("", "udp")).toThrow(/no JSON/);
  });

  it("tells a server that is busy yet from a connection that broke", () => {
    const said = (error: string, intervals = "") =>
      `{\n"intervals":\t[${intervals}],\n"end":\t{},\n"error":\t"${error}"\n}`;
    const reset = "unable to receive control message: Connection reset by peer";
    expect(isBusy(said("the server is busy running a test. try again later"))).toBe(true);
    expect(isBusy(said(reset))).toBe(true);
    expect(isBusy(said(reset, '{ "sum": {} }'))).toBe(false);
    expect(isBusy(said("unable to connect to server: Connection refused"))).toBe(false);
    expect(isBusy('{ "intervals": [], "end": {} }')).toBe(false);
  });
});
