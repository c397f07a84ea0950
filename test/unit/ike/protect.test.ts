import fc from "fast-check";
import { expect, it } from "vitest";
import { SkOpener, SkSealer } from "../../../src/ike/suite/protect.ts";
import { ENCRYPTIONS } from "../../../src/ike/suite/transform.ts";
import { decodeMessage, openMessage } from "../../../src/ike/wire/message.ts";
import { hex, toHex } from "./vectors.ts";

const ciphers = Object.values(ENCRYPTIONS);
const keyOf = (length: number) => ({ key: new Uint8Array(length).fill(0x42), salt: hex("a0a1a2a3") });

it("opens the IKE message of RFC 7634 Appendix B", () => {
  const key = {
    key: hex("808182838485868788898a8b8c8d8e8f 909192939495969798999a9b9c9d9e9f"),
    salt: hex("a0a1a2a3"),
  };
  const bytes = hex(`c0c1c2c3c4c5c6c7 d0d1d2d3d4d5d6d7 2e202500 00000009 00000045 29000029
    1011121314151617 610394701f8d017f7c12924889 6b71bfe25236efd7cdc67066906315b2`);
  const message = decodeMessage(bytes);
  expect(message.header).toMatchObject({
    spiI: 0xc0c1c2c3c4c5c6c7n,
    spiR: 0xd0d1d2d3d4d5d6d7n,
    exchange: 37,
    messageId: 9,
  });
  const { payloads } = openMessage(bytes, message, new SkOpener(ENCRYPTIONS.chacha20poly1305, key));
  expect(payloads).toEqual([{ kind: "notify", protocol: 0, spi: hex(""), notify: 16385, data: hex("0000000a") }]);
  for (let i = 0; i < bytes.length; i++) {
    const changed = bytes.slice();
    changed[i] ^= 1;
    const opener = new SkOpener(ENCRYPTIONS.chacha20poly1305, key);
    expect(() => openMessage(changed, decodeMessage(changed), opener), `byte ${i}`).toThrow();
  }
});

/** NIST's GCM specification, test case 4, laid out as an SK body: salt and IV are the first 4 and the last 8 bytes of its nonce. */
it("seals AES-GCM-16 as the GCM specification does", () => {
  const key = { key: hex("feffe9928665731c6d6a8f9467308308"), salt: hex("cafebabe") };
  const plain = hex(`d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
    1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39`);
  const associated = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const body = hex(`facedbaddecaf888 42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e
    21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091 5bc94fbc3221a5db94fae95ae7121a47`);
  expect(toHex(new SkOpener(ENCRYPTIONS.aes128gcm16, key).open(associated, body)!)).toBe(toHex(plain));
});

it.each(ciphers)("opens what it sealed, and never uses an IV twice ($name)", (cipher) => {
  const key = keyOf(cipher.keyLength);
  const sealer = new SkSealer(cipher, key);
  const opener = new SkOpener(cipher, key);
  const ivs = new Set<string>();
  let sealed = 0;
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ minLength: 1, maxLength: 600 }),
      (associated, plain) => {
        const body = sealer.seal(associated, plain);
        expect(body).toHaveLength(plain.length + sealer.overhead);
        expect(toHex(opener.open(associated, body)!)).toBe(toHex(plain));
        ivs.add(toHex(body.subarray(0, 8)));
        sealed++;
      },
    ),
    { numRuns: 100, interruptAfterTimeLimit: 5000 },
  );
  expect(ivs.size).toBe(sealed);
  expect([...ivs][0]).toBe("0000000000000000");
});

it.each(ciphers)("refuses a changed body, other associated data and another key ($name)", (cipher) => {
  const key = keyOf(cipher.keyLength);
  const associated = hex("00112233");
  const body = new SkSealer(cipher, key).seal(associated, hex("aabbccdd"));
  const opener = new SkOpener(cipher, key);
  expect(toHex(opener.open(associated, body)!)).toBe("aabbccdd");
  expect(opener.open(hex("00112234"), body)).toBeUndefined();
  for (let i = 0; i < body.length; i++) {
    const changed = body.slice();
    changed[i] ^= 1;
    expect(opener.open(associated, changed)).toBeUndefined();
    expect(opener.open(associated, body.subarray(0, i))).toBeUndefined();
  }
  const other = { key: key.key, salt: hex("a0a1a2a4") };
  expect(new SkOpener(cipher, other).open(associated, body)).toBeUndefined();
});

it.each(ciphers)("keeps its own key, and forgets it when wiped ($name)", (cipher) => {
  const key = keyOf(cipher.keyLength);
  const opener = new SkOpener(cipher, key);
  const body = new SkSealer(cipher, key).seal(hex(""), hex("01"));
  key.key.fill(0);
  expect(opener.open(hex(""), body)).toEqual(hex("01"));
  opener.wipe();
  expect(opener.open(hex(""), body)).toBeUndefined();
});
