// The ring to the control thread: IKE messages and events. Single producer (this worker), single consumer; layout draws it.

import { COUNT_ACQUIRE, COUNT_EVENT_LOST, COUNT_MOVED, DROP_SEND_TOO_BIG } from "./counters";
import { count } from "./drop";
import {
  RECORD_ACQUIRE,
  RECORD_HEADER,
  RECORD_IKE,
  RECORD_INTERFACE,
  RECORD_KIND,
  RECORD_LOCAL,
  RECORD_MOVED,
  RECORD_NAME,
  RECORD_SIZE,
  RECORD_SKIP,
  RECORD_SOCKET,
  RECORD_TOO_BIG,
  RECORD_UNKNOWN_SPI,
  RECORD_VALUE,
  RING_DATA,
  RING_HEAD,
  RING_SIZE,
  RING_TAIL,
  TXSA,
  TX_MAX,
  W_NOW,
} from "./layout/arena";
import { PATH_NAME, PATH_NAME_LENGTH, SA_MOVED, SA_PATH } from "./layout/sa";
import { interfaceIndex, local, localLength, name, nameLength, socket } from "./message";
import { slotIndex } from "./sa";
import { arena } from "./state";

const SIZE: u32 = RING_SIZE;
const HEADER: u32 = RECORD_HEADER;
const NAME_MAX: u32 = 28;

/** Head of the ring after the record that is being written. */
let headAfter: u32 = 0;
/** Said already in this batch. */
let acquireSaid: bool = false;

/** "Unknown SPI" is said no more often than this, milliseconds: who floods us with such packets shall not keep control busy. */
const UNKNOWN_SPI_EVERY: f64 = 4;
/** W_NOW when it was said last. */
let unknownSpiAt: f64 = -Infinity;

/** A new batch begins: "acquire" may be said again. */
export function beginEvents(): void {
  acquireSaid = false;
}

/** An IKE message of `bytes` at `at`, non-ESP marker removed, with the addresses of the message it came in. False: the ring is full. */
export function tellIke(at: usize, bytes: u32): bool {
  const record = begin(RECORD_IKE, bytes, bytes);
  if (!record) return false;
  addMessage(record);
  memory.copy(record + RECORD_HEADER, at, bytes);
  publish();
  return true;
}

/** An authentic packet of inbound SA `sa` came from another place than its path says. Said once, until control clears the flag. */
export function tellMoved(sa: usize): void {
  if (atomic.load<u32>(sa + SA_MOVED)) return;
  const record = begin(RECORD_MOVED, slotIndex(sa), 0);
  if (!record) return count(COUNT_EVENT_LOST);
  addMessage(record);
  atomic.store<u32>(sa + SA_MOVED, 1);
  publish();
  count(COUNT_MOVED);
}

/** A packet wants the tunnel with this id and no Child SA is usable. At most one a batch. */
export function tellAcquire(id: u32): void {
  if (acquireSaid) return;
  acquireSaid = true;
  if (!begin(RECORD_ACQUIRE, id, 0)) return count(COUNT_EVENT_LOST);
  publish();
  count(COUNT_ACQUIRE);
}

/** ESP for an SPI that nobody handed out: a sample of it, with who sent it. */
export function tellUnknownSpi(spi: u32): void {
  const now = load<f64>(arena, W_NOW);
  // The clock may have been set back.
  if (now >= unknownSpiAt && now < unknownSpiAt + UNKNOWN_SPI_EVERY) return;
  unknownSpiAt = now;
  const record = begin(RECORD_UNKNOWN_SPI, spi, 0);
  if (!record) return count(COUNT_EVENT_LOST);
  addMessage(record);
  publish();
}

/** The kernel refused message `index` of socket `to` with EMSGSIZE: counts it, and tells control which SA must lower its MTU. */
export function tooBig(to: u32, index: u32): void {
  count(DROP_SEND_TOO_BIG);
  const sa = <usize>load<u32>(arena + TXSA + ((to * TX_MAX + index) << 2));
  const record = begin(RECORD_TOO_BIG, slotIndex(sa), 0);
  if (!record) return count(COUNT_EVENT_LOST);
  store<u32>(record, to, RECORD_SOCKET);
  const path = <usize>atomic.load<u32>(sa + SA_PATH);
  if (path) memory.copy(record + RECORD_NAME, path + PATH_NAME, min(load<u32>(path, PATH_NAME_LENGTH), NAME_MAX));
  publish();
}

/** Room for a record with `payload` bytes behind its header, the header filled in; 0: the ring is full. */
function begin(kind: u32, value: u32, payload: u32): usize {
  const ring = arena + RING_DATA;
  const head = load<u32>(arena, RING_HEAD);
  const free = SIZE - (head - atomic.load<u32>(arena + RING_TAIL));
  const size = (HEADER + payload + 15) & ~15;
  const offset = head & (SIZE - 1);
  const rest = SIZE - offset;
  const skip = size > rest ? rest : 0;
  if (size + skip > free) return 0;
  if (skip) {
    store<u32>(ring + offset, skip, RECORD_SIZE);
    store<u32>(ring + offset, RECORD_SKIP, RECORD_KIND);
  }
  const record = ring + (skip ? 0 : offset);
  memory.fill(record, 0, HEADER);
  store<u32>(record, size, RECORD_SIZE);
  store<u32>(record, kind, RECORD_KIND);
  store<u32>(record, value, RECORD_VALUE);
  headAfter = head + skip + size;
  return record;
}

/** Where the message at hand came from, and where to. */
function addMessage(record: usize): void {
  store<u32>(record, socket, RECORD_SOCKET);
  store<u32>(record, interfaceIndex, RECORD_INTERFACE);
  memory.copy(record + RECORD_NAME, name, min(nameLength, NAME_MAX));
  if (localLength) memory.copy(record + RECORD_LOCAL, local, localLength);
}

function publish(): void {
  atomic.store<u32>(arena + RING_HEAD, headAfter);
}
