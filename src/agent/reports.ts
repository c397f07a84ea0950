/** What the console must hear of the router: all of it at first, then only what has changed. */
import { type ReportFrame, TUNNELS_A_REPORT } from "../protocol/stream.ts";
import type { AttachmentObservation, Observation, TunnelObservation, TunnelState } from "../router/observe.ts";

export class Reports {
  /** As reported last. */
  #tunnels = new Map<string, TunnelObservation>();
  #rest = "";
  #attachments = "[]";
  #first = true;

  /** A new connection: the console knows nothing. */
  reset(): void {
    this.#first = true;
  }

  /** Has a tunnel or an attachment another state than was reported, is one new or gone? */
  differs(states: ReadonlyMap<string, TunnelState>, attachments: readonly AttachmentObservation[]): boolean {
    if (states.size !== this.#tunnels.size || JSON.stringify(attachments) !== this.#attachments) return true;
    for (const [name, state] of states) if (this.#tunnels.get(name)?.state !== state) return true;
    return false;
  }

  /** Frames to send, in order; empty: nothing has changed. */
  frames({ tunnels, attachments, drops }: Observation): ReportFrame[] {
    if (this.#first) this.#tunnels = new Map();
    const names = new Set(tunnels.map(({ name }) => name));
    const gone = [...this.#tunnels.keys()].filter((name) => !names.has(name));
    for (const name of gone) this.#tunnels.delete(name);
    const changed = tunnels.filter((tunnel) => !same(this.#tunnels.get(tunnel.name), tunnel));
    for (const tunnel of changed) this.#tunnels.set(tunnel.name, tunnel);
    this.#attachments = JSON.stringify(attachments);
    const rest = JSON.stringify([attachments, drops]);
    if (!this.#first && changed.length === 0 && gone.length === 0 && rest === this.#rest) return [];
    this.#rest = rest;
    const frames: ReportFrame[] = [];
    for (let i = 0; i === 0 || i < changed.length; i += TUNNELS_A_REPORT) {
      frames.push({
        type: "report",
        first: this.#first,
        tunnels: changed.slice(i, i + TUNNELS_A_REPORT),
        gone: i === 0 ? gone : [],
        attachments: [...attachments],
        drops: { ...drops },
      });
      this.#first = false;
    }
    return frames;
  }
}

/** A round trip is never twice the same; a tenth more or less is no news. */
function same(before: TunnelObservation | undefined, now: TunnelObservation): boolean {
  if (!before) return false;
  const { rttMs: was } = before;
  const { rttMs: is } = now;
  const rtt = was === null || is === null ? was === is : Math.abs(is - was) <= Math.max(0.1, was / 10);
  return (
    rtt &&
    before.state === now.state &&
    before.lastError === now.lastError &&
    before.in.packets === now.in.packets &&
    before.out.packets === now.out.packets
  );
}
