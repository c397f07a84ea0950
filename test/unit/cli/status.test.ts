import { describe, expect, it } from "vitest";
import { PLAIN } from "../../../src/cli/status/colours.ts";
import { picture } from "../../../src/cli/status/picture.ts";
import { bytesText, countText, table } from "../../../src/cli/table.ts";
import type { RouterStatus } from "../../../src/router/status/schema.ts";
import { STATUS } from "./routerstatus.ts";

const now = Date.parse("2026-01-01T01:00:00Z");

describe("the picture of a router", () => {
  it("is a table that a person can read", () => {
    expect(picture(STATUS, PLAIN, undefined, now)).toEqual([
      "branch-a  vcpe 0.1.0, pid 42, up 1h, 1 worker, 123 MB",
      "engines: chacha20poly1305 wasm",
      "offload: tso on, uso off: this kernel has none (Linux 6.2 and later), gso off: by configuration",
      "GRO forwarding: eth1 (br0) on (set by the router); eth2 off: by configuration",
      "",
      "TUNNEL      STATE  SINCE  PEER          ADDRESS             IKE                             AUTH  REKEYS    RTT   MTU  NAT",
      "to-gateway  up     30m    gw.vcpe.test  [2001:db8::1]:4500  chacha20poly1305-sha256-x25519  psk        3  12 ms  1418  here",
      "spare       down   1h     spare.test    any                                                                      1418",
      "  30s ago: spare.test refuses us. [authentication-failed]",
      "",
      "SHAPED      RATE  PASSED packets    bytes  queued  dropped  marked     WAIT    DELAY",
      "to-gateway  2.5M           1,234  1.70 MB     900       12       3  9.00 kB  21.5 ms",
      "",
      "CHILD SA    CIPHER            SPI IN      SPI OUT     SINCE  REKEYS  IN packets    bytes  OUT packets  bytes",
      "to-gateway  chacha20poly1305  0xc0ffee01  0xdeadbeef  1m          2   1,234,567  1.50 GB           10  840 B",
      "",
      "VRF   PREFIX       VIA",
      "main  10.2.0.0/24  tunnel to-gateway",
      "",
      "drops: no-route 1,234",
      "ike: malformed 2",
    ]);
  });

  it("names the certificate that the peer has shown, and its end", () => {
    const status = structuredClone(STATUS);
    const auth = {
      kind: "certificate",
      subject: "CN=gw",
      issuer: "CN=Root",
      notAfter: "2026-12-31T10:00:00Z",
    } as const;
    status.tunnels[0].ike!.auth = auth;
    expect(picture(status, PLAIN, undefined, now).join()).toContain("-x25519  CN=gw until 2026-12-31       3  12 ms");
  });

  it("shows what each of several workers has read, and further copies of a Child SA by number", () => {
    const status = structuredClone(STATUS);
    status.workers = 2;
    status.load = [
      { tunRead: 1200, udpRead: 3 },
      { tunRead: 7, udpRead: 45_678 },
    ];
    status.tunnels[0].children.push({ ...status.tunnels[0].children[0], copy: 1 });
    const lines = picture(status, PLAIN, undefined, now);
    expect(lines.find((line) => line.startsWith("workers:"))).toBe(
      "workers: 0 read 1,200 packets, 3 datagrams; 1 read 7 packets, 45,678 datagrams",
    );
    expect(lines.find((line) => line.startsWith("to-gateway #2"))).toContain("0xc0ffee01");
  });

  it.each([
    [{ local: false, remote: false }, "none"],
    [{ local: true, remote: false }, "here"],
    [{ local: false, remote: true }, "there"],
    [{ local: true, remote: true }, "here, there"],
    [{ local: false, remote: null }, "claimed there"],
    [{ local: true, remote: null }, "here, claimed there"],
    [null, "1418"],
  ])("says of %o who is behind a NAT: %s", (nat, text) => {
    const status = structuredClone(STATUS);
    status.tunnels[0].nat = nat;
    const line = picture(status, PLAIN, undefined, now).find((found) => found.startsWith("to-gateway  up"));
    expect(line?.endsWith(`  ${text}`)).toBe(true);
  });

  it("shows rates when it knows how it was a moment ago", () => {
    const before = structuredClone(STATUS);
    before.tunnels[0].children[0].in.bytes -= 1_250_000;
    const rates = (ms: number) =>
      picture(STATUS, PLAIN, { status: before, ms }, now).find((line) => line.startsWith("to-gateway  chacha"));
    expect(rates(1000)).toMatch(/10\.0 Mbit\/s .* 0 bit\/s$/);
    // The router took its time to answer.
    expect(rates(2500)).toMatch(/4\.00 Mbit\/s .* 0 bit\/s$/);
  });

  it("shows the rules of filters with their hits, and how full the flow table is", () => {
    const status: RouterStatus = {
      ...STATUS,
      filters: [
        {
          name: "vpc",
          devices: ["vcpe0"],
          rules: [
            {
              id: "web",
              direction: "in",
              protocol: 6,
              ports: { low: 443, high: 443 },
              prefix: "10.0.0.0/8",
              action: "accept",
              hits: 1234,
            },
            {
              id: "gre",
              direction: "out",
              protocol: 132,
              ports: { low: 8000, high: 8999 },
              prefix: "::/0",
              action: "drop",
              hits: 0,
            },
          ],
          in: { action: "drop", hits: 7 },
          out: { action: "accept", hits: 8 },
        },
      ],
      flows: { entries: 4321, limit: 65_536, evicted: 9, refused: 0 },
    };
    const lines = picture(status, PLAIN, undefined, now);
    const from = lines.findIndex((line) => line.startsWith("FILTER"));
    expect(lines.slice(from, from + 6)).toEqual([
      "FILTER  DEVICE  RULE     WAY  PROTOCOL  PORTS      PREFIX      ACTION   HITS",
      "vpc     vcpe0   web      in   tcp       443        10.0.0.0/8  accept  1,234",
      "vpc     vcpe0   gre      out  132       8000-8999  ::/0        drop        0",
      "vpc     vcpe0   default  in   any                  any         drop        7",
      "vpc     vcpe0   default  out  any                  any         accept      8",
      "flows: 4,321 of 65,536, 9 evicted",
    ]);
    // Of a large table a part is counted: none found there is not none.
    const flowsOf = (entries: number) =>
      picture({ ...status, flows: { entries, limit: 1_048_576, evicted: 0, refused: 0 } }, PLAIN, undefined, now).find(
        (line) => line.startsWith("flows:"),
      );
    expect(flowsOf(0)).toBe("flows: fewer than 1,000 of 1,048,576");
    expect(flowsOf(40_000)).toBe("flows: about 40,000 of 1,048,576");
  });

  it("counts the routes that it leaves out", () => {
    const routes = Array.from({ length: 1500 }, (_, i) => ({
      vrf: "main",
      prefix: `10.${i >> 8}.${i & 255}.0/24`,
      via: "vcpe0",
    }));
    expect(picture({ ...STATUS, routes }, PLAIN, undefined, now)).toContain("and 1,480 more (--json shows all)");
  });

  it("shows attachments with what is wrong with them, and tables that are nearly full", () => {
    const attachment = { name: "vpc-a", vrf: "corp", place: "namespace vpc-a", device: "vpca", local: ["10.8.0.0/16"] };
    const attachments = [
      { ...attachment, state: "up" as const, reason: null },
      { ...attachment, name: "vpc-b", state: "waiting" as const, reason: 'there is no network namespace "vpc-b"' },
    ];
    const limits = [
      { table: "sas", used: 60_000, limit: 65_536 },
      { table: "vrfs", used: 3, limit: 4096 },
    ];
    const lines = picture({ ...STATUS, attachments, limits }, PLAIN, undefined, now);
    const from = lines.indexOf("nearly full: sas 60,000 of 65,536");
    expect(from).toBeGreaterThan(0);
    expect(lines.slice(from + 2, from + 6)).toEqual([
      "ATTACHMENT  STATE    VRF   PLACE            DEVICE  PREFIXES",
      "vpc-a       up       corp  namespace vpc-a  vpca    10.8.0.0/16",
      "vpc-b       waiting  corp  namespace vpc-a  vpca    10.8.0.0/16",
      '  there is no network namespace "vpc-b"',
    ]);
  });

  it("works for a router that has nothing", () => {
    const empty = { ...STATUS, lan: [], tunnels: [], routes: [], drops: {}, ike: {} };
    expect(picture(empty, PLAIN, undefined, now).slice(4)).toEqual(["no tunnels", "", "no Child SAs", "", "no routes"]);
  });
});

describe("tables and numbers", () => {
  it("set numbers to the right and cut blanks at the end", () => {
    expect(
      table(
        ["a", "count", "last"],
        [
          ["xx", "1", "q"],
          ["y", "22", ""],
        ],
      ),
    ).toEqual(["a   count  last", "xx      1  q", "y      22"]);
  });
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.00 kB"],
    [999_499, "999 kB"],
    [999_600, "1.00 MB"],
    [12_345_678, "12.3 MB"],
    [1.5e15, "1.50 PB"],
  ])("%d is %s", (bytes, text) => expect(bytesText(bytes)).toBe(text));
  it("group digits", () => expect([0, 999, 1000, 1234567].map(countText)).toEqual(["0", "999", "1,000", "1,234,567"]));
});
