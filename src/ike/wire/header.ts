/**
 * IKE header, RFC 7296 §3.1.
 *
 *    0 ┌───────────────────────────────┐
 *      │ initiator's SPI               │
 *    8 ├───────────────────────────────┤
 *      │ responder's SPI               │ 0 in the first request
 *   16 ├───────┬───────┬───────┬───────┤
 *      │ next  │ ver.  │ exch. │ flags │
 *   20 ├───────┴───────┴───────┴───────┤
 *      │ message id                    │
 *   24 ├───────────────────────────────┤
 *      │ length, header included       │
 *   28 └───────────────────────────────┘
 */
import { WireError } from "./error.ts";
import { View } from "./view.ts";
import type { Writer } from "./writer.ts";

export const HEADER_LENGTH = 28;
/** Where the length stands. */
export const HEADER_LENGTH_AT = 24;

const FLAG_INITIATOR = 0x08;
const FLAG_VERSION = 0x10;
const FLAG_RESPONSE = 0x20;

/** What one says of a header to build a message. */
export interface HeaderFields {
  /** SPI of the IKE SA's original initiator. */
  readonly spiI: bigint;
  /** SPI of its original responder; 0n in the first request. */
  readonly spiR: bigint;
  /** EXCHANGE in iana.ts. */
  readonly exchange: number;
  /** The sender is the original initiator of the IKE SA (flag I). */
  readonly initiator: boolean;
  /** Flag R. */
  readonly response: boolean;
  /** 0 – 2^32−1. */
  readonly messageId: number;
}

/** A header as it was read. */
export interface Header extends HeaderFields {
  /** Type of the first payload, 0 none. */
  readonly next: number;
  readonly major: number;
  readonly minor: number;
  /** Flag V: the sender could speak a higher major version. Ignored in version 2. */
  readonly higher: boolean;
  /** Of the whole message, bytes. */
  readonly length: number;
}

/**
 * Reads the header alone, of any major version, so that a caller can find the SA or answer INVALID_MAJOR_VERSION before it
 * looks at the rest. The length must be that of the datagram: bytes behind it would belong to nothing.
 */
export function decodeHeader(bytes: Uint8Array): Header {
  const view = new View(bytes);
  const spiI = view.u64("The initiator's SPI");
  const spiR = view.u64("The responder's SPI");
  const next = view.u8("The first payload's type");
  const version = view.u8("The version");
  const exchange = view.u8("The exchange type");
  const flags = view.u8("The flags");
  const messageId = view.u32("The message id");
  const length = view.u32("The length");
  if (length !== bytes.length) {
    throw new WireError(
      length > bytes.length ? "truncated" : "length",
      HEADER_LENGTH_AT,
      `The header speaks of ${length} bytes, the datagram has ${bytes.length}`,
    );
  }
  return {
    spiI,
    spiR,
    exchange,
    initiator: (flags & FLAG_INITIATOR) !== 0,
    response: (flags & FLAG_RESPONSE) !== 0,
    messageId,
    next,
    major: version >>> 4,
    minor: version & 15,
    higher: (flags & FLAG_VERSION) !== 0,
    length,
  };
}

/** Writes a version 2.0 header; `length` may be patched later at HEADER_LENGTH_AT + 2 (it is below 2^16). */
export function emitHeader(writer: Writer, header: HeaderFields, next: number, length: number): void {
  writer.u64(header.spiI);
  writer.u64(header.spiR);
  writer.u8(next);
  writer.u8(0x20);
  writer.u8(header.exchange);
  writer.u8((header.initiator ? FLAG_INITIATOR : 0) | (header.response ? FLAG_RESPONSE : 0));
  writer.u32(header.messageId);
  writer.u32(length);
}
