/**
 * IKE messages, RFC 7296 §3. `decode…` and `open…` throw WireError and nothing else, whatever the bytes; byte fields of what
 * they return are views on the bytes they were given (or on the decrypted content), so the caller hands over memory that
 * stays as it is.
 */
import { type Chain, emitChain, type Payload, parseChain, typeOf } from "./chain.ts";
import { type Opener, pad, type Sealer, unseal } from "./encrypted.ts";
import { WireError } from "./error.ts";
import { decodeHeader, emitHeader, HEADER_LENGTH, HEADER_LENGTH_AT, type Header, type HeaderFields } from "./header.ts";
import { PAYLOAD } from "./iana.ts";
import { View } from "./view.ts";
import { MAX_LENGTH, Writer } from "./writer.ts";

export type { Payload, Wrapper } from "./chain.ts";

/** What one says to build a message. A decoded Message is one too. */
export interface Outgoing {
  readonly header: HeaderFields;
  readonly payloads: readonly Payload[];
}

/** A message as it was read. When `wrapper` is there, `payloads` are those in the clear in front of it (usually none). */
export interface Message extends Chain {
  readonly header: Header;
}

/** An authentic message: `payloads` are those of the encrypted part, `unknownCritical` those of both parts. */
export interface OpenMessage {
  readonly header: Header;
  readonly payloads: readonly Payload[];
  readonly unknownCritical: readonly number[];
}

/** Reads a whole datagram (without non-ESP marker). Throws "version" for a major version other than 2. */
export function decodeMessage(bytes: Uint8Array): Message {
  const header = decodeHeader(bytes);
  if (header.major !== 2) {
    throw new WireError("version", 17, `IKE version ${header.major}.${header.minor}; we speak 2.0`);
  }
  return { header, ...parseChain(new View(bytes, HEADER_LENGTH), header.next, false) };
}

/** Writes a message in the clear: IKE_SA_INIT, and answers to what belongs to no IKE SA. */
export function encodeMessage(message: Outgoing): Uint8Array {
  const { payloads } = message;
  const writer = new Writer();
  emitHeader(writer, message.header, payloads.length > 0 ? typeOf(payloads[0]) : PAYLOAD.NONE, 0);
  emitChain(writer, payloads, PAYLOAD.NONE);
  writer.patch16(HEADER_LENGTH_AT + 2, writer.length);
  return writer.finish();
}

/** The payloads alone, as they stand inside an Encrypted payload. */
export function encodeContent(payloads: readonly Payload[]): Uint8Array {
  const writer = new Writer();
  emitChain(writer, payloads, PAYLOAD.NONE);
  return writer.finish();
}

/** The opposite of `encodeContent`; `first` is the type of the first payload. */
export function decodeContent(content: Uint8Array, first: number): Chain {
  return parseChain(new View(content), first, true);
}

/**
 * Verifies, decrypts and reads the Encrypted payload of a message that `decodeMessage` made from the same `bytes`. Throws
 * "integrity" when the tag does not verify (drop it, count it), "order" when there is no Encrypted payload, and the codes
 * of `decodeMessage` for what is inside.
 */
export function openMessage(bytes: Uint8Array, message: Message, opener: Opener): OpenMessage {
  const { header, wrapper } = message;
  if (wrapper?.kind !== "encrypted")
    throw new WireError("order", HEADER_LENGTH, "The message has no Encrypted payload");
  const inner = decodeContent(unseal(bytes, wrapper.at, wrapper.body, opener), wrapper.first);
  return {
    header,
    payloads: inner.payloads,
    unknownCritical: [...message.unknownCritical, ...inner.unknownCritical],
  };
}

/** Writes a message whose payloads are all in one Encrypted payload. */
export function sealMessage(message: Outgoing, sealer: Sealer): Uint8Array {
  const { payloads } = message;
  const plain = pad(encodeContent(payloads));
  const length = 4 + plain.length + sealer.overhead;
  if (HEADER_LENGTH + length > MAX_LENGTH) {
    throw new WireError(
      "too-long",
      HEADER_LENGTH,
      `A message of ${HEADER_LENGTH + length} bytes does not fit into UDP`,
    );
  }
  const writer = new Writer();
  emitHeader(writer, message.header, PAYLOAD.SK, HEADER_LENGTH + length);
  writer.u8(payloads.length > 0 ? typeOf(payloads[0]) : PAYLOAD.NONE);
  writer.u8(0);
  writer.u16(length);
  writer.bytes(sealer.seal(writer.finish(), plain));
  return writer.finish();
}

type Kind = Payload["kind"];
// TSi and TSr, IDi and IDr share an interface, so "has this kind among its kinds" and not "is exactly of this kind".
type Holding<P, K> = P extends { kind: infer Q } ? (K extends Q ? P : never) : never;
type OfKind<K extends Kind> = Holding<Payload, K>;

/** All payloads of a kind, in their order. */
export function payloadsOf<K extends Kind>(payloads: readonly Payload[], kind: K): OfKind<K>[] {
  return payloads.filter((payload): payload is OfKind<K> => payload.kind === kind);
}

/** The payload of a kind that may come once; `undefined` when it is not there. Throws "order" when it comes twice. */
export function payloadOf<K extends Kind>(payloads: readonly Payload[], kind: K): OfKind<K> | undefined {
  const found = payloadsOf(payloads, kind);
  if (found.length > 1)
    throw new WireError("order", HEADER_LENGTH, `${found.length} payloads of kind ${kind}; one may come`);
  return found[0];
}
