/** IKE message fragmentation, RFC 7383: one message in several datagrams, each encrypted and authentic by itself. */
import { typeOf } from "./chain.ts";
import { type Opener, pad, type Sealer, unseal } from "./encrypted.ts";
import { WireError } from "./error.ts";
import { MAX_FRAGMENTS } from "./fragment.ts";
import { emitHeader, HEADER_LENGTH } from "./header.ts";
import { PAYLOAD } from "./iana.ts";
import { decodeContent, encodeContent, type Message, type OpenMessage, type Outgoing } from "./message.ts";
import { MAX_LENGTH, Writer } from "./writer.ts";

/** Generic header, fragment number, total. */
const FRAGMENT_HEADER = 8;

/** An authentic fragment: a part of the content. */
export interface Fragment {
  readonly number: number;
  readonly total: number;
  /** Type of the first inner payload; 0 unless `number` is 1. */
  readonly first: number;
  readonly content: Uint8Array;
}

/**
 * Writes a message as datagrams of at most `size` bytes each (IKE header included, UDP and IP headers not). Throws
 * "too-long" when more than MAX_FRAGMENTS would be needed.
 */
export function sealFragments(message: Outgoing, sealer: Sealer, size: number): Uint8Array[] {
  const { payloads } = message;
  const content = encodeContent(payloads);
  // One byte less for the pad length.
  const room = size - HEADER_LENGTH - FRAGMENT_HEADER - sealer.overhead - 1;
  const total = Math.max(1, Math.ceil(content.length / room));
  if (room < 1 || total > MAX_FRAGMENTS) {
    throw new WireError("too-long", 0, `${content.length} bytes do not fit into ${MAX_FRAGMENTS} fragments of ${size}`);
  }
  const first = payloads.length > 0 ? typeOf(payloads[0]) : PAYLOAD.NONE;
  return Array.from({ length: total }, (_, i) => {
    const plain = pad(content.subarray(i * room, (i + 1) * room));
    const length = FRAGMENT_HEADER + plain.length + sealer.overhead;
    const writer = new Writer();
    emitHeader(writer, message.header, PAYLOAD.SKF, HEADER_LENGTH + length);
    writer.u8(i === 0 ? first : PAYLOAD.NONE);
    writer.u8(0);
    writer.u16(length);
    writer.u16(i + 1);
    writer.u16(total);
    writer.bytes(sealer.seal(writer.finish(), plain));
    return writer.finish();
  });
}

/** Verifies and decrypts the fragment in a message that `decodeMessage` made from the same `bytes`. Throws like `openMessage`. */
export function openFragment(bytes: Uint8Array, message: Message, opener: Opener): Fragment {
  const { wrapper } = message;
  if (wrapper?.kind !== "fragment")
    throw new WireError("order", HEADER_LENGTH, "The message has no Encrypted Fragment");
  const { number, total, first, at, body } = wrapper;
  return { number, total, first, content: unseal(bytes, at, body, opener) };
}

/**
 * Puts all fragments 1 … total of a message together, in that order, and reads them. `message` is that of fragment 1: its
 * header counts. Throws "order" when they are not a full row, "limit" above 65,535 bytes, else like `openMessage`.
 */
export function joinFragments(message: Message, fragments: readonly Fragment[]): OpenMessage {
  if (fragments.length === 0 || fragments.some((f, i) => f.number !== i + 1 || f.total !== fragments.length)) {
    throw new WireError("order", 0, "The fragments are not a full row");
  }
  const length = fragments.reduce((sum, fragment) => sum + fragment.content.length, 0);
  if (length > MAX_LENGTH) throw new WireError("limit", 0, `Fragments of ${length} bytes; the limit is ${MAX_LENGTH}`);
  const content = new Uint8Array(length);
  let at = 0;
  for (const fragment of fragments) {
    content.set(fragment.content, at);
    at += fragment.content.length;
  }
  const inner = decodeContent(content, fragments[0].first);
  return {
    header: message.header,
    payloads: inner.payloads,
    unknownCritical: [...message.unknownCritical, ...inner.unknownCritical],
  };
}
