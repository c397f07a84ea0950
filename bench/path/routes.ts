/** Routing tables to measure with: the real one where it lies beside the repository, else one that is generated. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import type { Prefix } from "../../src/datapath/plane.ts";

/** Numbers that look random and are the same in each run (xorshift32). */
export function sequence(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

/** The repository's folder, from bench/path or dist/bench/path. */
function root(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}

/** The real table of the Internet; undefined when it is not there. */
export function realTable(): Prefix[] | undefined {
  const file = join(root(), "../shared/vectors/routes/prefixes.txt.gz");
  if (!existsSync(file)) return undefined;
  return gunzipSync(readFileSync(file)).toString().trim().split("\n").map(parse);
}

/** Distinct IPv4 prefixes, /16 to /24, mostly /24 as in the Internet, at most 2^21 of them. */
export function generated(count: number): Prefix[] {
  const next = sequence(0x2545f491);
  const seen = new Set<number>();
  const list: Prefix[] = [];
  while (list.length < count) {
    const length = next() % 10 < 6 ? 24 : 16 + (next() % 8);
    const value = (0x01000000 + (next() % 0xdf000000)) & (-1 << (32 - length));
    // Loopback and link-local are not routable.
    if (value >>> 24 === 127 || value >>> 16 === 0xa9fe) continue;
    const key = (value >>> 0) * 64 + length;
    if (seen.has(key)) continue;
    seen.add(key);
    list.push({ address: Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value), length });
  }
  return list;
}

/** `count` prefixes: the real table, topped up with generated ones, when there are many to be had. */
export function routes(count: number): Prefix[] {
  const real = count >= 100_000 ? realTable() : undefined;
  if (real === undefined) return generated(count);
  return real.length >= count ? real.slice(0, count) : [...real, ...generated(count - real.length)];
}

/** "192.0.2.0/24", "2001:db8::/32", as a routing table has them. */
export function parse(text: string): Prefix {
  const [host = "", length = ""] = text.split("/");
  if (!host.includes(":")) return { address: Uint8Array.from(host.split("."), Number), length: Number(length) };
  const [front = "", back] = host.split("::");
  const groups = front === "" ? [] : front.split(":");
  const tail = back === undefined || back === "" ? [] : back.split(":");
  if (back !== undefined) while (groups.length + tail.length < 8) groups.push("0");
  const address = new Uint8Array(16);
  [...groups, ...tail].forEach((group, i) => {
    address[2 * i] = Number.parseInt(group, 16) >> 8;
    address[2 * i + 1] = Number.parseInt(group, 16) & 255;
  });
  return { address, length: Number(length) };
}
