/** A datapath that keeps books instead of forwarding, and refuses what the real one would refuse. */
import type {
  ChildHandle,
  IkeDatagram,
  Outer,
  Plane,
  PlaneEvent,
  SaTraffic,
  TableUsage,
} from "../../../src/datapath/plane.ts";
import { FakeTables } from "./faketables.ts";

const idle: SaTraffic = { packets: 0, bytes: 0, last: 0, sequence: 0n, replayed: 0, forged: 0 };

export interface FakeChild {
  spiIn: number;
  spiOut: number;
  adjacency: number;
  vrf: number;
  own: boolean;
  outer: Outer;
  transmits: boolean;
  inbound: SaTraffic;
  outbound: SaTraffic;
}

export class FakePlane extends FakeTables implements Plane {
  readonly ikePort = 500;
  readonly natPort = 4500;
  readonly blackhole = 1;
  readonly prohibit = 2;
  onIke: (datagram: IkeDatagram) => void = () => {};
  onEvent: (event: PlaneEvent) => void = () => {};

  readonly children = new Map<number, FakeChild>();
  readonly sent: IkeDatagram[] = [];
  readonly keepalives: Outer[] = [];
  closed = false;
  sendIke(datagram: IkeDatagram): boolean {
    this.sent.push(datagram);
    return true;
  }

  sendKeepalive(outer: Outer): boolean {
    this.keepalives.push(outer);
    return true;
  }

  reserveSpi(): number | undefined {
    return 0x10000 + this.next++;
  }

  releaseSpi(): void {}

  addChild(child: Parameters<Plane["addChild"]>[0]): ChildHandle {
    this.call("addChild");
    this.demand(this.tunnels.has(child.adjacency) && this.vrfs.has(child.vrf), "no such tunnel or VRF");
    const id = this.next++;
    this.children.set(id, {
      spiIn: child.inbound.spi,
      spiOut: child.outbound.spi,
      adjacency: child.adjacency,
      vrf: child.vrf,
      own: child.own === true,
      outer: child.outer,
      transmits: false,
      inbound: idle,
      outbound: idle,
    });
    return { id };
  }

  protected override carries(adjacency: number): boolean {
    return [...this.children.values()].some((child) => child.adjacency === adjacency);
  }

  #child(handle: ChildHandle): FakeChild {
    const child = this.children.get(handle.id);
    if (!child) throw new Error("the datapath refuses: no such Child SA");
    return child;
  }

  transmit(handle: ChildHandle, instead?: ChildHandle): void {
    this.call("transmit");
    if (instead) this.#child(instead).transmits = false;
    this.#child(handle).transmits = true;
  }

  retire(handle: ChildHandle): void {
    this.call("retire");
    this.#child(handle).transmits = false;
  }

  removeChild(handle: ChildHandle): void {
    this.call("removeChild");
    this.#child(handle);
    this.children.delete(handle.id);
  }

  setOuter(handle: ChildHandle, outer: Outer): void {
    this.call("setOuter");
    this.#child(handle).outer = outer;
  }

  traffic(handle: ChildHandle) {
    const { inbound, outbound } = this.#child(handle);
    return { inbound, outbound };
  }

  counters(): Record<string, number> {
    return { "no-route": 3, encapsulated: 7, "ike-send-refused": 0 };
  }

  workers() {
    return [{ tunRead: 0, udpRead: 0 }];
  }

  usage(): TableUsage[] {
    return [{ table: "tuns", used: this.tuns.size, limit: 1024 }];
  }

  nativeFrom() {
    return { chacha20poly1305: 0, aes128gcm16: 0, aes256gcm16: 0 };
  }

  hugePages() {
    return "on";
  }

  engines() {
    return { chacha20poly1305: "wasm", aes128gcm16: "wasm", aes256gcm16: "wasm" } as const;
  }

  offloads() {
    return { tso: "on", uso: "on", gso: "on", gro: "on", coalesce: "off: by configuration" };
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
