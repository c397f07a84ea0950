/** ESP, sealed and opened by node:crypto, written from RFC 4303, 4106 and 7634: what the fast path is measured against. */

import { createCipheriv, createDecipheriv } from "node:crypto";

export type Cipher = "chacha20poly1305" | "aes128gcm16" | "aes256gcm16";

export const CIPHERS: readonly Cipher[] = ["chacha20poly1305", "aes128gcm16", "aes256gcm16"];

const NAMES = {
  chacha20poly1305: "chacha20-poly1305",
  aes128gcm16: "aes-128-gcm",
  aes256gcm16: "aes-256-gcm",
} as const;

export interface Keys {
  readonly spi: number;
  readonly cipher: Cipher;
  readonly key: Buffer;
  readonly salt: Buffer;
  readonly esn: boolean;
}

/** SPI ‖ sequence number, 4 or with ESN 8 bytes. RFC 4106 §5. */
function aad(keys: Keys, sequence: bigint): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(keys.spi, 0);
  bytes.writeBigUInt64BE(sequence, 4);
  return keys.esn ? bytes : Buffer.concat([bytes.subarray(0, 4), bytes.subarray(8)]);
}

const options = { authTagLength: 16 } as never;

/** An ESP packet with this text (trailer included). The IV is the sequence number unless given. */
export function sealText(keys: Keys, sequence: bigint, text: Uint8Array, iv = bigBytes(sequence)): Buffer {
  const nonce = Buffer.concat([keys.salt, iv]);
  const cipher = createCipheriv(NAMES[keys.cipher] as "aes-128-gcm", keys.key, nonce, options);
  cipher.setAAD(aad(keys, sequence), { plaintextLength: text.length });
  const sealed = Buffer.concat([cipher.update(text), cipher.final()]);
  const header = Buffer.alloc(8);
  header.writeUInt32BE(keys.spi, 0);
  header.writeUInt32BE(Number(sequence & 0xffffffffn), 4);
  return Buffer.concat([header, iv, sealed, cipher.getAuthTag()]);
}

/** An ESP packet that carries this inner packet, padded as RFC 4303 §2.4 says. */
export function seal(
  keys: Keys,
  sequence: bigint,
  inner: Uint8Array,
  extra: { pad?: number; next?: number } = {},
): Buffer {
  const pad = extra.pad ?? (4 - ((inner.length + 2) % 4)) % 4;
  const next = extra.next ?? (inner[0] >> 4 === 6 ? 41 : 4);
  const padding = Array.from({ length: pad }, (_, index) => index + 1);
  return sealText(keys, sequence, Buffer.concat([inner, Buffer.from([...padding, pad, next])]));
}

export interface Opened {
  readonly sequenceLow: number;
  readonly iv: Buffer;
  readonly next: number;
  readonly pad: Buffer;
  readonly inner: Buffer;
}

/** Opens an ESP packet; `high` is the upper half of its sequence number. Throws when the tag does not verify. */
export function unseal(keys: Keys, packet: Buffer, high = 0): Opened {
  if (packet.readUInt32BE(0) !== keys.spi) throw new Error("another SPI");
  const sequenceLow = packet.readUInt32BE(4);
  const iv = packet.subarray(8, 16);
  const decipher = createDecipheriv(
    NAMES[keys.cipher] as "aes-128-gcm",
    keys.key,
    Buffer.concat([keys.salt, iv]),
    options,
  );
  const sealed = packet.subarray(16, -16);
  decipher.setAAD(aad(keys, (BigInt(high) << 32n) | BigInt(sequenceLow)), { plaintextLength: sealed.length });
  decipher.setAuthTag(packet.subarray(-16));
  const text = Buffer.concat([decipher.update(sealed), decipher.final()]);
  if (text.length % 4 !== 0) throw new Error("the text does not end on a multiple of 4");
  const padLength = text[text.length - 2];
  const end = text.length - 2 - padLength;
  return { sequenceLow, iv, next: text[text.length - 1], pad: text.subarray(end, -2), inner: text.subarray(0, end) };
}

function bigBytes(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value, 0);
  return bytes;
}
