import { randomBytes, randomInt } from "node:crypto";
import { gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import * as layout from "../../../assembly/layout.ts";
import { CIPHERS, compile, Engine, type Job, KEY, LONG_AAD, reference, type Sa, SLOTS, TAG } from "./aead.module.ts";

let engine: Engine;

const GUARD = 0xa5;

/** Texts of the given lengths, one behind the other with `gap` bytes between, each with a nonce and AAD of its own. */
function jobs(sas: Sa[], lengths: number[], start = engine.texts(), gap = 0): Job[] {
  let at = start;
  return lengths.map((length, index) => {
    const job = {
      sa: sas[index % sas.length]!,
      text: randomBytes(length),
      nonce: randomBytes(12),
      aad: randomBytes(index % 2 ? 12 : 8),
      at,
    };
    at += length + 16 + gap;
    return job;
  });
}

/** Seals and opens the jobs as one batch and compares each with the oracle. */
function check(batch: Job[], worker = 0): void {
  const expected = batch.map(reference);
  batch.forEach((job, index) => {
    engine.put(index, job, worker);
  });
  engine.seal(batch.length, worker);
  batch.forEach((job, index) => {
    const sealed = engine.read(job.at, job.text.length + 16);
    if (!sealed.equals(expected[index]!))
      throw new Error(`op ${index}: ${job.sa.cipher.name}, ${job.text.length} bytes`);
  });
  engine.open(batch.length, worker);
  batch.forEach((job, index) => {
    if (engine.ok(index, worker) !== 1) throw new Error(`op ${index}: refused, ${job.text.length} bytes`);
    if (!engine.read(job.at, job.text.length).equals(job.text)) throw new Error(`op ${index}: other text`);
  });
}

describe.each(["release", "plain"] as const)("build %s", (target) => {
  beforeAll(async () => {
    engine = new Engine(await compile(target));
  });

  describe.each(CIPHERS)("$name", (cipher) => {
    const sas = (count: number) =>
      Array.from({ length: count }, (_, index) => engine.sa(index, cipher, randomBytes(cipher.keyLength)));

    it("agrees with OpenSSL at every length 0–300", () => {
      const lengths = Array.from({ length: 301 }, (_, length) => length);
      check(jobs(sas(1), lengths));
      check(jobs(sas(3), lengths.reverse()));
    });

    it("agrees with OpenSSL at every length 301–2048", () => {
      for (let first = 301; first <= 2048; first += 230) {
        const count = Math.min(230, 2049 - first);
        check(
          jobs(
            sas(2),
            Array.from({ length: count }, (_, index) => first + index),
          ),
        );
      }
    });

    it("agrees with OpenSSL at random lengths up to 9000 and at the longest", () => {
      for (let round = 0; round < 10; round++) {
        const lengths = Array.from({ length: 40 }, () => randomInt(9001));
        check(jobs(sas(1 + round), [...lengths, 65535, 65520, 65280]));
      }
    });

    it("agrees with noble", () => {
      for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 255, 256, 257, 1024, 1400]) {
        const [job] = jobs(sas(1), [length]) as [Job];
        const noble =
          cipher.name === "chacha20-poly1305"
            ? chacha20poly1305(job.sa.key, job.nonce, job.aad)
            : gcm(job.sa.key, job.nonce, job.aad);
        engine.put(0, job);
        engine.seal(1);
        const sealed = engine.read(job.at, length + 16);
        expect(sealed.toString("hex")).toBe(Buffer.from(noble.encrypt(job.text)).toString("hex"));
      }
    });

    it("works at every alignment and writes nothing around text and tag", () => {
      const one = sas(1);
      for (let shift = 0; shift < 16; shift++) {
        const lengths = [0, 5, 16, 47, 64, 100, 255, 256, 300, 513, 1024, 1399];
        const start = engine.texts() + shift;
        const end = start + lengths.reduce((sum, length) => sum + length + 16 + 32, 0);
        engine.bytes.fill(GUARD, start - 512, end + 512);
        const batch = jobs(one, lengths, start, 32);
        check(batch);
        for (const job of batch) for (const byte of job.text.keys()) engine.bytes[job.at + byte] = GUARD;
        for (const job of batch) engine.bytes.fill(GUARD, job.at + job.text.length, job.at + job.text.length + 16);
        expect(engine.bytes.subarray(start - 512, end + 512).every((byte) => byte === GUARD)).toBe(true);
      }
    });

    it("writes of an SA slot only the key region, all of it", () => {
      const end = SLOTS + 3 * layout.SA_STRIDE;
      engine.bytes.fill(GUARD, SLOTS, end);
      const { address } = engine.sa(1, cipher, new Uint8Array(cipher.keyLength));
      engine.view.setUint32(address + layout.SA_CIPHER, 0xa5a5a5a5, true);
      const written = engine.bytes.slice(SLOTS, end);
      written.fill(GUARD, address - SLOTS + layout.SA_KEY, address - SLOTS + layout.SA_KEY + layout.SA_KEY_SIZE);
      expect(written.every((byte) => byte === GUARD)).toBe(true);
      // Two set-ups over different old bytes leave the same: nothing of a former key survives.
      const first = engine.read(address, layout.SA_STRIDE);
      engine.bytes.fill(0x3c, address + layout.SA_KEY, address + layout.SA_KEY + layout.SA_KEY_SIZE);
      engine.sa(1, cipher, new Uint8Array(cipher.keyLength));
      engine.view.setUint32(address + layout.SA_CIPHER, 0xa5a5a5a5, true);
      expect(engine.read(address, layout.SA_STRIDE).equals(first)).toBe(true);
    });

    it("refuses a key of another length", () => {
      for (const length of [0, 15, 16, 24, 31, 32, 33].filter((length) => length !== cipher.keyLength)) {
        expect(() => engine.sa(0, cipher, new Uint8Array(length))).toThrow("unreachable");
      }
    });

    it("refuses whatever was changed, and only that", () => {
      const lengths = [0, 1, 16, 64, 255, 256, 300, 700, 1024];
      const changes = ["text", "tag", "aad", "nonce", "length", "key"] as const;
      const pair = sas(2);
      for (const change of changes) {
        for (let victim = 0; victim < lengths.length; victim++) {
          const length = lengths[victim]!;
          if (length === 0 && (change === "text" || change === "length")) continue;
          const batch = jobs([pair[0]!], lengths);
          batch.forEach((job, index) => {
            engine.put(index, job);
          });
          engine.seal(batch.length);
          const op = engine.ops() + victim * layout.OP_STRIDE;
          const { at, aad } = batch[victim]!;
          const bit = 1 << randomInt(8);
          if (change === "text") engine.bytes[at + randomInt(length)]! ^= bit;
          if (change === "tag") engine.bytes[at + length + randomInt(16)]! ^= bit;
          if (change === "aad") engine.bytes[op + layout.OP_AAD + randomInt(aad.length)]! ^= bit;
          if (change === "nonce") engine.bytes[op + layout.OP_NONCE + randomInt(12)]! ^= bit;
          if (change === "length") engine.view.setUint32(op + layout.OP_LENGTH, length - 1, true);
          if (change === "key") engine.view.setUint32(op + layout.OP_SA, pair[1]!.address, true);
          engine.open(batch.length);
          const verdicts = batch.map((_, index) => engine.ok(index));
          expect(verdicts, `${change} of ${length} bytes`).toEqual(batch.map((_, index) => (index === victim ? 0 : 1)));
        }
      }
    });

    it("notices every single bit of the tag and of a short text", () => {
      const [job] = jobs(sas(1), [33]) as [Job];
      engine.put(0, job);
      engine.seal(1);
      const sealed = engine.read(job.at, 33 + 16);
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        engine.bytes.set(sealed, job.at);
        engine.bytes[job.at + (bit >> 3)]! ^= 1 << (bit & 7);
        engine.open(1);
        expect(engine.ok(0)).toBe(0);
      }
    });
  });

  it("Poly1305 agrees with its definition where its limbs are widest", () => {
    const number = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
    // Bytes that are mostly all ones or all zeros: the sums come near their bounds, h near 0 and near 2^130 - 5.
    const extreme = (length: number) =>
      Uint8Array.from({ length }, () => [0xff, 0xff, 0xff, 0, 0xfb, randomInt(256)][randomInt(6)]!);
    for (let round = 0; round < 3000; round++) {
      const key = round < 30 ? new Uint8Array(32).fill(0xff) : extreme(32);
      const blocks = randomInt(25);
      const text = round < 30 ? new Uint8Array(16 * blocks).fill(0xff) : extreme(16 * blocks);
      if (round % 7 === 3) key.set([1 + randomInt(2), ...new Uint8Array(15)]);
      const r = number(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
      let h = 0n;
      for (let at = 0; at < text.length; at += 16)
        h = ((h + number(text.subarray(at, at + 16)) + (1n << 128n)) * r) % ((1n << 130n) - 5n);
      const tag = (h + number(key.subarray(16))) % (1n << 128n);
      engine.bytes.set(key, KEY);
      engine.bytes.set(text, LONG_AAD);
      const pairs = Math.min(blocks >> 1, randomInt(11));
      engine.exports.poly1305(KEY, LONG_AAD, blocks, pairs, TAG, engine.texts());
      expect(number(engine.read(TAG, 16)), `round ${round}, ${blocks} blocks, ${pairs} pairs`).toBe(tag);
    }
  });

  describe("a batch", () => {
    it("of many SAs and all ciphers in any order", () => {
      const sas = Array.from({ length: 60 }, (_, index) => {
        const cipher = CIPHERS[index % 3]!;
        return engine.sa(index, cipher, randomBytes(cipher.keyLength));
      });
      const length = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 1600 }));
      const op = fc.record({ sa: fc.integer({ min: 0, max: 59 }), again: fc.integer({ min: 1, max: 20 }), length });
      fc.assert(
        fc.property(fc.array(op, { minLength: 1, maxLength: 30 }), (ops) => {
          // Runs of one SA beside single packets: groups of every size and at every border.
          const flat = ops.flatMap(({ sa, again, length }) => Array.from({ length: again }, () => ({ sa, length })));
          const batch = jobs(
            [sas[0]!],
            flat.map((each) => each.length),
          ).map((job, index) => ({
            ...job,
            sa: sas[flat[index]!.sa]!,
          }));
          check(batch);
        }),
        { numRuns: 60, interruptAfterTimeLimit: 15_000 },
      );
    });

    it("of none does nothing", () => {
      engine.bytes.fill(GUARD, engine.arena(0) + layout.AEAD, engine.arena(0) + layout.AEAD + layout.AEAD_SIZE);
      engine.seal(0);
      engine.open(0);
      const scratch = engine.read(engine.arena(0) + layout.AEAD, layout.AEAD_SIZE);
      expect(scratch.every((byte) => byte === GUARD)).toBe(true);
    });

    it("uses the scratch of its own worker, stays inside it and leaves no key there", () => {
      const sas = CIPHERS.map((cipher, index) => engine.sa(index, cipher, randomBytes(cipher.keyLength)));
      const scratch = (worker: number) => engine.arena(worker) + layout.AEAD;
      for (const worker of [0, 1])
        engine.bytes.fill(GUARD, scratch(worker) - 256, scratch(worker) + layout.AEAD_SIZE + 256);
      // The worst group: every packet leaves the most loose blocks.
      const batch = sas.flatMap((sa) => jobs([sa], Array<number>(16).fill(255), engine.texts(1)));
      let at = engine.texts(1);
      for (const job of batch) {
        job.at = at;
        at += 300;
      }
      check(batch, 1);
      const all = engine.read(scratch(1) - 256, layout.AEAD_SIZE + 512);
      expect(all.subarray(0, 256).every((byte) => byte === GUARD)).toBe(true);
      expect(all.subarray(-256).every((byte) => byte === GUARD)).toBe(true);
      expect(all.subarray(256, -256).some((byte) => byte !== 0 && byte !== GUARD)).toBe(false);
      const other = engine.read(scratch(0), layout.AEAD_SIZE);
      expect(other.every((byte) => byte === GUARD)).toBe(true);
    });

    it("with an SA slot that was wiped sends nothing in clear and verifies nothing", () => {
      const [cipher] = CIPHERS;
      const sa = engine.sa(0, cipher, randomBytes(cipher.keyLength));
      const batch = jobs([sa], [40, 300, 40]);
      engine.view.setUint32(sa.address + layout.SA_CIPHER, 0, true);
      batch.forEach((job, index) => {
        engine.put(index, job);
      });
      engine.seal(3);
      for (const job of batch) expect(engine.read(job.at, job.text.length + 16).every((byte) => byte === 0)).toBe(true);
      engine.open(3);
      expect([engine.ok(0), engine.ok(1), engine.ok(2)]).toEqual([0, 0, 0]);
    });

    it("outside every arena is refused", () => {
      expect(() => engine.exports.seal(SLOTS, 1)).toThrow("unreachable");
      expect(() => engine.exports.open(SLOTS, 1)).toThrow("unreachable");
    });
  });

  it("leaves ciphers to another engine when told to, and counts them", () => {
    const sas = CIPHERS.map((cipher, index) => engine.sa(index, cipher, randomBytes(cipher.keyLength)));
    const batch = jobs(sas, [40, 300, 1000, 41, 301, 1001, 42]);
    for (const left of [0, ...CIPHERS.map((cipher) => cipher.number)]) {
      engine.exports.leave(left === 0 ? 0 : 1 << left);
      batch.forEach((job, index) => {
        engine.put(index, job);
        engine.bytes.fill(GUARD, job.at + job.text.length, job.at + job.text.length + 16);
      });
      const passed = batch.filter((job) => job.sa.cipher.number === left);
      expect(engine.exports.seal(engine.ops(), batch.length)).toBe(passed.length);
      for (const job of batch) {
        const untouched = Buffer.concat([job.text, Buffer.alloc(16, GUARD)]);
        expect(engine.read(job.at, job.text.length + 16)).toEqual(passed.includes(job) ? untouched : reference(job));
      }
      expect(engine.exports.open(engine.ops(), batch.length)).toBe(passed.length);
      for (const [index, job] of batch.entries()) {
        expect(engine.ok(index)).toBe(passed.includes(job) ? 0xdead : 1);
        expect(engine.read(job.at, job.text.length)).toEqual(job.text);
      }
    }
    engine.exports.leave(0);
  });
});
