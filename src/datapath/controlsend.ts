/** Datagrams that the control thread itself sends from the datapath's ports: IKE messages and NAT keepalives. */

import { sendDatagram } from "../linux/udp.ts";
import { socketFor } from "./path.ts";
import type { IkeDatagram, Outer } from "./plane.ts";
import type { Sockets } from "./sockets.ts";

/** Before an IKE message on the port that ESP shares, RFC 3948 §2.2. */
const NON_ESP_MARKER = new Uint8Array(4);
/** RFC 3948 §2.3. */
const KEEPALIVE = Uint8Array.of(0xff);

export class ControlSender {
  readonly #sockets: Sockets;
  #refused = 0;

  constructor(sockets: Sockets) {
    this.#sockets = sockets;
  }

  /** Datagrams that the kernel refused, so far. */
  get refused(): number {
    return this.#refused;
  }

  /** One IKE message, behind the non-ESP marker when it leaves from the NAT port. False: refused. */
  ike(datagram: IkeDatagram): boolean {
    const onIkePort = datagram.local.port === this.#sockets.ikePort;
    return this.#send(datagram, onIkePort ? [datagram.bytes] : [NON_ESP_MARKER, datagram.bytes]);
  }

  /** One byte that keeps a NAT's mapping alive. False: refused. */
  keepalive(outer: Outer): boolean {
    return this.#send(outer, [KEEPALIVE]);
  }

  #send({ local, remote }: Outer, parts: readonly Uint8Array[]): boolean {
    const index = socketFor(remote.address.length === 4 ? 4 : 6, local.port, this.#sockets.ikePort);
    // Any worker's socket will do: all are bound to the same port.
    const socket = this.#sockets.sets[0][index];
    const sent = socket !== undefined && sendDatagram(socket, parts, remote, local.address) === 0;
    if (!sent) this.#refused++;
    return sent;
  }
}
