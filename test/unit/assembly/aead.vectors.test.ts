import { existsSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import * as layout from "../../../assembly/layout.ts";
import { CIPHERS, type Cipher, compile, Engine, LONG_AAD, TAG } from "./aead.module.ts";

let engine: Engine;
beforeAll(async () => {
  engine = new Engine(await compile());
});

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s+/g, ""), "hex"));
const [chacha20poly1305] = CIPHERS;

interface Vector {
  key: Uint8Array;
  nonce: Uint8Array;
  aad: Uint8Array;
  text: Uint8Array;
  sealed: Uint8Array;
}

/** Ciphertext ‖ tag of the engine. AAD longer than an op can hold goes the way round `tagOf`. */
function seal(cipher: Cipher, vector: Vector): Buffer {
  const sa = engine.sa(0, cipher, vector.key);
  const at = engine.texts() + 3;
  const long = vector.aad.length > 16;
  engine.put(0, { sa, at, text: vector.text, nonce: vector.nonce, aad: long ? new Uint8Array(0) : vector.aad });
  engine.seal(1);
  const sealed = engine.read(at, vector.text.length + 16);
  if (!long) return sealed;
  engine.bytes.set(vector.aad, LONG_AAD);
  engine.exports.tagOf(engine.ops(), LONG_AAD, vector.aad.length, TAG);
  return Buffer.concat([sealed.subarray(0, -16), engine.read(TAG, 16)]);
}

/** The text, or undefined when the engine refuses. */
function open(cipher: Cipher, vector: Vector): Buffer | undefined {
  const sa = engine.sa(0, cipher, vector.key);
  const at = engine.texts() + 5;
  const length = vector.sealed.length - 16;
  const text = vector.sealed.subarray(0, length);
  engine.put(0, { sa, at, text, nonce: vector.nonce, aad: vector.aad.length > 16 ? new Uint8Array(0) : vector.aad });
  engine.bytes.set(vector.sealed.subarray(length), at + length);
  if (vector.aad.length > 16) {
    // The op takes the tag that belongs to it without AAD, once the one with AAD has proved right.
    engine.bytes.set(vector.aad, LONG_AAD);
    engine.exports.tagOf(engine.ops(), LONG_AAD, vector.aad.length, TAG);
    if (Buffer.compare(engine.read(TAG, 16), vector.sealed.subarray(length)) !== 0) return undefined;
    engine.exports.tagOf(engine.ops(), LONG_AAD, 0, at + length);
  }
  engine.open(1);
  return engine.ok(0) === 1 ? engine.read(at, length) : undefined;
}

describe("published vectors", () => {
  it("RFC 8439 §2.8.2", () => {
    const text =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    const vector = {
      key: hex("808182838485868788898a8b8c8d8e8f 909192939495969798999a9b9c9d9e9f"),
      nonce: hex("070000004041424344454647"),
      aad: hex("50515253c0c1c2c3c4c5c6c7"),
      text: Uint8Array.from(Buffer.from(text)),
      sealed: hex(`d31a8d34648e60db7b86afbc53ef7ec2 a4aded51296e08fea9e2b5a736ee62d6 3dbea45e8ca9671282fafb69da92728b
        1a71de0a9e060b2905d6a5b67ecd3b36 92ddbd7f2d778b8c9803aee328091b58 fab324e4fad675945585808b4831d7bc
        3ff4def08e4b7a9de576d26586cec64b 6116 1ae10b594f09e26a7e902ecbd0600691`),
    };
    expect(seal(chacha20poly1305, vector).toString("hex")).toBe(Buffer.from(vector.sealed).toString("hex"));
    expect(open(chacha20poly1305, vector)?.toString()).toBe(text);
  });

  it("RFC 7634 appendix A: an ESP packet", () => {
    // Inner packet: ICMP echo, then padding 01 02, pad length 2, next header 4. AAD is SPI ‖ sequence number.
    const vector = {
      key: hex("808182838485868788898a8b8c8d8e8f 909192939495969798999a9b9c9d9e9f"),
      nonce: hex("a0a1a2a3 1011121314151617"),
      aad: hex("01020304 00000005"),
      text: hex(`45000054a6f200004001e778c6336405 c000020508005b7a3a080000553bec10 0007362708090a0b0c0d0e0f10111213
        1415161718191a1b1c1d1e1f20212223 2425262728292a2b2c2d2e2f30313233 34353637 01020204`),
      sealed: hex(`24039428b97f417e3c13753a4f05087b 67c352e6a7fab1b982d466ef407ae5c6 14ee8099d52844eb61aa95dfab4c02f7
        2aa71e7c4c4f64c9befe2facc638e8f3 cbec163fac469b502773f6fb94e664da 9165b82829f641e0
        76aaa8266b7fb0f7b11b369907e1ad43`),
    };
    expect(seal(chacha20poly1305, vector).toString("hex")).toBe(Buffer.from(vector.sealed).toString("hex"));
    expect(open(chacha20poly1305, vector)?.toString("hex")).toBe(Buffer.from(vector.text).toString("hex"));
  });
});

interface WycheproofTest {
  tcId: number;
  comment: string;
  key: string;
  iv: string;
  aad: string;
  msg: string;
  ct: string;
  tag: string;
  result: "valid" | "acceptable" | "invalid";
}
interface WycheproofFile {
  testGroups: { ivSize: number; keySize: number; tagSize: number; tests: WycheproofTest[] }[];
}

const vectors = new URL("../../../../shared/vectors/wycheproof/", import.meta.url);
const present = existsSync(vectors);
if (!present) console.log("skipped: no vectors");

describe.runIf(present)("Wycheproof", () => {
  const runs = [
    { file: "chacha20_poly1305_test.json", cipher: CIPHERS[0], atLeast: 300 },
    { file: "aes_gcm_test.json", cipher: CIPHERS[1], atLeast: 60 },
    { file: "aes_gcm_test.json", cipher: CIPHERS[2], atLeast: 60 },
  ];
  it.each(runs)("$file, $cipher.name", ({ file, cipher, atLeast }) => {
    const { testGroups } = JSON.parse(readFileSync(new URL(file, vectors), "utf8")) as WycheproofFile;
    let run = 0;
    for (const group of testGroups) {
      // ESP has one nonce size and one tag size; AES-192 is not among our ciphers.
      if (group.ivSize !== 96 || group.tagSize !== 128 || group.keySize !== cipher.keyLength * 8) continue;
      for (const test of group.tests) {
        const vector = {
          key: hex(test.key),
          nonce: hex(test.iv),
          aad: hex(test.aad),
          text: hex(test.msg),
          sealed: hex(test.ct + test.tag),
        };
        const opened = open(cipher, vector);
        const name = `${test.tcId} ${test.comment}`;
        if (test.result === "invalid") {
          expect(opened, name).toBeUndefined();
        } else {
          expect(opened?.toString("hex"), name).toBe(test.msg);
          expect(seal(cipher, vector).toString("hex"), name).toBe(test.ct + test.tag);
        }
        run++;
      }
    }
    expect(run).toBeGreaterThanOrEqual(atLeast);
  });
});

it("keeps its static data below the globals block", async () => {
  // A fresh memory: whatever instantiation put there is static data. The harness itself writes one word.
  const { bytes, view } = new Engine(await compile());
  view.setUint32(layout.G_ARENAS_BASE, 0, true);
  expect(bytes.subarray(layout.GLOBALS).every((byte) => byte === 0)).toBe(true);
});
