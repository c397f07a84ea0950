/**
 * Security Association payload, RFC 7296 §3.3: proposals, each with transforms, each with attributes.
 *
 *   proposal:  last 0 / more 2 (1), reserved (1), length (2), number (1), protocol (1), SPI size (1), transforms (1), SPI
 *   transform: last 0 / more 3 (1), reserved (1), length (2), type (1), reserved (1), id (2), attributes
 *   attribute: AF=1: 0x8000 | type (2), value (2);  AF=0: type (2), length (2), value
 */
import { WireError } from "./error.ts";
import type { View } from "./view.ts";
import type { Writer } from "./writer.ts";

/** Proposals in one payload. Common peers send up to about 20. */
export const MAX_PROPOSALS = 64;
/** Transforms in one proposal. */
export const MAX_TRANSFORMS = 128;
/** Attributes of one transform; the standard knows one. */
export const MAX_ATTRIBUTES = 8;

export interface Attribute {
  /** 15 bits. */
  readonly type: number;
  /** A number when it was written in the short form, bytes when in the long. */
  readonly value: number | Uint8Array;
}

export interface Transform {
  /** TRANSFORM in iana.ts. */
  readonly type: number;
  readonly id: number;
  readonly attributes: readonly Attribute[];
}

export interface Proposal {
  /** 1 for the first. The answer repeats the number of what it chose. */
  readonly number: number;
  /** PROTOCOL in iana.ts. */
  readonly protocol: number;
  /** Sender's inbound SPI: 4 bytes ESP; 8 IKE rekey; empty in IKE_SA_INIT. */
  readonly spi: Uint8Array;
  readonly transforms: readonly Transform[];
}

export interface SaPayload {
  readonly kind: "sa";
  readonly proposals: readonly Proposal[];
}

const LAST = 0;
const MORE_PROPOSALS = 2;
const MORE_TRANSFORMS = 3;

/** Reads "last or more" and the length in front of a substructure; the view it returns holds the rest of it. */
function substructure(view: View, more: number, what: string): { readonly body: View; readonly last: boolean } {
  const at = view.offset;
  const mark = view.u8(what);
  if (mark !== LAST && mark !== more) throw new WireError("value", at, `${what} begins with ${mark}, not 0 or ${more}`);
  view.skip(1, what);
  const length = view.u16(what);
  if (length < 8) throw new WireError("length", at, `${what} of ${length} bytes; it has at least 8`);
  return { body: view.inner(length - 4, what), last: mark === LAST };
}

function parseAttribute(view: View): Attribute {
  const head = view.u16("An attribute's type");
  const type = head & 0x7fff;
  if ((head & 0x8000) !== 0) return { type, value: view.u16("An attribute's value") };
  return { type, value: view.take(view.u16("An attribute's length"), "An attribute's value") };
}

function parseTransform(view: View): { readonly transform: Transform; readonly last: boolean } {
  const { body, last } = substructure(view, MORE_TRANSFORMS, "A transform");
  const type = body.u8("A transform's type");
  body.skip(1, "The reserved field");
  const id = body.u16("A transform's id");
  const attributes: Attribute[] = [];
  while (body.left > 0) {
    if (attributes.length === MAX_ATTRIBUTES) {
      throw new WireError("limit", body.offset, `A transform with more than ${MAX_ATTRIBUTES} attributes`);
    }
    attributes.push(parseAttribute(body));
  }
  return { transform: { type, id, attributes }, last };
}

function parseProposal(view: View): { readonly proposal: Proposal; readonly last: boolean } {
  const at = view.offset;
  const { body, last } = substructure(view, MORE_PROPOSALS, "A proposal");
  const number = body.u8("A proposal's number");
  const protocol = body.u8("A proposal's protocol");
  const size = body.u8("A proposal's SPI size");
  const count = body.u8("A proposal's number of transforms");
  const spi = body.take(size, "A proposal's SPI");
  if (count > MAX_TRANSFORMS) {
    throw new WireError("limit", at, `A proposal with ${count} transforms; the limit is ${MAX_TRANSFORMS}`);
  }
  const transforms: Transform[] = [];
  for (let i = 0; i < count; i++) {
    const parsed = parseTransform(body);
    if (parsed.last !== (i === count - 1)) {
      throw new WireError("value", body.offset, "The mark of the last transform is not on the last transform");
    }
    transforms.push(parsed.transform);
  }
  body.done("A proposal");
  return { proposal: { number, protocol, spi, transforms }, last };
}

export function parseSa(view: View): SaPayload {
  const proposals: Proposal[] = [];
  let last = false;
  while (!last) {
    if (proposals.length === MAX_PROPOSALS) {
      throw new WireError("limit", view.offset, `More than ${MAX_PROPOSALS} proposals`);
    }
    const parsed = parseProposal(view);
    proposals.push(parsed.proposal);
    last = parsed.last;
  }
  view.done("The SA payload");
  return { kind: "sa", proposals };
}

function emitTransform(writer: Writer, transform: Transform, last: boolean): void {
  const start = writer.length;
  writer.u8(last ? LAST : MORE_TRANSFORMS);
  writer.u8(0);
  writer.u16(0);
  writer.u8(transform.type);
  writer.u8(0);
  writer.u16(transform.id);
  for (const { type, value } of transform.attributes) {
    if (typeof value === "number") {
      writer.u16(0x8000 | type);
      writer.u16(value);
    } else {
      writer.u16(type);
      writer.u16(value.length);
      writer.bytes(value);
    }
  }
  writer.patch16(start + 2, writer.length - start);
}

function emitProposal(writer: Writer, proposal: Proposal, last: boolean): void {
  const { transforms } = proposal;
  if (transforms.length > MAX_TRANSFORMS || proposal.spi.length > 255) {
    throw new WireError("limit", writer.length, `A proposal with more than ${MAX_TRANSFORMS} transforms or a long SPI`);
  }
  const start = writer.length;
  writer.u8(last ? LAST : MORE_PROPOSALS);
  writer.u8(0);
  writer.u16(0);
  writer.u8(proposal.number);
  writer.u8(proposal.protocol);
  writer.u8(proposal.spi.length);
  writer.u8(transforms.length);
  writer.bytes(proposal.spi);
  transforms.forEach((transform, i) => {
    emitTransform(writer, transform, i === transforms.length - 1);
  });
  writer.patch16(start + 2, writer.length - start);
}

export function emitSa(writer: Writer, payload: SaPayload): void {
  const { proposals } = payload;
  if (proposals.length === 0 || proposals.length > MAX_PROPOSALS) {
    throw new WireError("limit", writer.length, `${proposals.length} proposals; 1 to ${MAX_PROPOSALS} can be sent`);
  }
  proposals.forEach((proposal, i) => {
    emitProposal(writer, proposal, i === proposals.length - 1);
  });
}
