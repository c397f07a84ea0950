// From inner packet to datagram: header, IV and trailer around a copy of the packet in the send region, an op for the AEAD, a
// message for the socket. Datagrams lie side by side, so that equal ones of an SA can later leave as one (UDP GSO).

import { COUNT_SEALED, DROP_NO_PATH, DROP_SEQUENCE_LIMIT } from "./counters";
import { count } from "./drop";
import {
  OP_AAD,
  OP_AAD_LENGTH,
  OP_LENGTH,
  OP_NONCE,
  OP_OK,
  OP_SA,
  OP_STRIDE,
  OP_TEXT,
  SEAL_OPS,
  W_OP_COUNT,
} from "./layout/arena";
import { ESP_ICV, ESP_TRAILER, SA_ESN, SA_FLAGS, SA_PATH, SA_SALT, SA_SPI } from "./layout/sa";
import { queueDatagram } from "./message";
import { sendRegion, takeSendRegion } from "./room";
import { countSealed, sequencesTaken, takeSequences } from "./sa";
import { arena } from "./state";
import { ESP_SEQUENCE, ESP_SPI, ESP_TEXT, padFor } from "./wire/esp";
import { store32, store64 } from "./wire/order";
import { PROTOCOL_IPV4, PROTOCOL_IPV6 } from "./wire/transport";

/**
 * Queues the packet that consists of `headLength` bytes at `head` and `bodyLength` bytes at `body` (a fragment has its header
 * elsewhere) for outbound SA `sa`. `tos` goes to the outer header: DSCP copied (RFC 4301 §5.1.2), ECN copied (RFC 6040 §4.1).
 * The caller has asked for room. 0, or a reason to drop.
 */
export function encapsulate(
  sa: usize,
  head: usize,
  headLength: u32,
  body: usize,
  bodyLength: u32,
  family: u32,
  tos: u32,
): u32 {
  const text = nextText();
  memory.copy(text, head, headLength);
  if (bodyLength) memory.copy(text + headLength, body, bodyLength);
  return encloseSingle(sa, headLength + bodyLength, family, tos);
}

/** The same for a packet of `length` bytes that lies at `nextText` already. */
// @ts-ignore: decorator
@inline
export function encloseSingle(sa: usize, length: u32, family: u32, tos: u32): u32 {
  const path = pathOf(sa);
  if (!path) return DROP_NO_PATH;
  const sequence = takeSequences(sa, 1);
  if (!sequencesTaken) return DROP_SEQUENCE_LIMIT;
  enclose(path, sa, sequence, length, family, tos);
  countSealed(sa, 1, length);
  count(COUNT_SEALED);
  return 0;
}

/** Where an outbound SA sends to: a path (pool), or 0. */
// @ts-ignore: decorator
@inline
export function pathOf(sa: usize): usize {
  return <usize>atomic.load<u32>(sa + SA_PATH);
}

/** Where the next datagram's inner packet is to lie when `enclose` is called. */
// @ts-ignore: decorator
@inline
export function nextText(): usize {
  return sendRegion() + ESP_TEXT;
}

/** Queues the packet of `length` bytes that lies at `nextText`, under this sequence number. Its caller counts it. */
export function enclose(path: usize, sa: usize, sequence: u64, length: u32, family: u32, tos: u32): void {
  const datagram = sendRegion();
  const text = datagram + ESP_TEXT;
  const textLength = length + padFor(length) + ESP_TRAILER;
  store32(datagram + ESP_SPI, load<u32>(sa, SA_SPI));
  store32(datagram + ESP_SEQUENCE, <u32>sequence);
  // The IV is the whole counter: unique for the key by construction, RFC 4106 §3.1, RFC 7634 §2.
  store64(datagram + 8, sequence);
  writeTrailer(text + length, padFor(length), family == 4 ? PROTOCOL_IPV4 : PROTOCOL_IPV6);
  appendOp(sa, datagram, textLength, sequence);
  const bytes = ESP_TEXT + textLength + ESP_ICV;
  takeSendRegion(bytes);
  queueDatagram(path, sa, datagram, bytes, tos);
}

/** Padding 1, 2, 3 …, pad length, next header. RFC 4303 §2.4–2.6. */
// @ts-ignore: decorator
@inline
function writeTrailer(at: usize, pad: u32, next: u32): void {
  for (let i: u32 = 1; i <= pad; i++) store<u8>(at++, <u8>i);
  store<u8>(at, <u8>pad);
  store<u8>(at, <u8>next, 1);
}

/** Asks the AEAD to seal the text of this datagram. */
function appendOp(sa: usize, datagram: usize, textLength: u32, sequence: u64): void {
  const index = load<u32>(arena, W_OP_COUNT);
  const op = arena + SEAL_OPS + index * OP_STRIDE;
  store<u32>(op, <u32>sa, OP_SA);
  store<u32>(op, <u32>datagram + ESP_TEXT, OP_TEXT);
  store<u32>(op, textLength, OP_LENGTH);
  store<u32>(op, 0, OP_OK);
  writeAad(op, sa, load<u32>(datagram, ESP_SPI), sequence);
  writeNonce(op, sa, datagram);
  store<u32>(arena, index + 1, W_OP_COUNT);
}

/** AAD of a sealed or an opened packet: SPI ‖ [sequence high ‖] sequence low, zero-padded; RFC 4106 §5. `spi` as on the wire. */
// @ts-ignore: decorator
@inline
export function writeAad(op: usize, sa: usize, spi: u32, sequence: u64): void {
  store<u64>(op, 0, OP_AAD + 8);
  store<u32>(op, spi, OP_AAD);
  if (load<u32>(sa, SA_FLAGS) & SA_ESN) {
    store64(op + OP_AAD + 4, sequence);
    store<u32>(op, 12, OP_AAD_LENGTH);
  } else {
    store32(op + OP_AAD + 4, <u32>sequence);
    store<u32>(op, 8, OP_AAD_LENGTH);
  }
}

/** Nonce: the SA's salt ‖ the IV that stands in the datagram; RFC 4106 §4, RFC 7634 §2. */
// @ts-ignore: decorator
@inline
export function writeNonce(op: usize, sa: usize, datagram: usize): void {
  store<u32>(op, load<u32>(sa, SA_SALT), OP_NONCE);
  store<u64>(op, load<u64>(datagram, 8), OP_NONCE + 4);
  store<u32>(op, 0, OP_NONCE + 12);
}
