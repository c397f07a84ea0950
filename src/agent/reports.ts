/** What the console must hear of the router: all of it at first, then only what has changed. */
import { type ReportFrame, TUNNELS_A_REPORT } from "../protocol/stream.ts";
import type { AttachmentObservation, Observation, TunnelObservation, TunnelState } from "../router/observe.ts";

type Rest = Pick<Observation, "attachments" | "drops">;

export class Reports {
  /** As reported last. */
  #tunnels = new Map<string, TunnelObservation>();
  #rest: Rest = { attachments: [], drops: {} };
  #restText = "";
  #attachments = "[]";
  #first = true;

  /** A new connection: the console knows nothing. */
  reset(): void {
    this.#first = true;
  }

  /** Has a tunnel or an attachment another state than was reported, is one new or gone, or does the console know nothing yet? */
  differs(states: ReadonlyMap<string, TunnelState>, attachments: readonly AttachmentObservation[]): boolean {
    if (this.#first || states.size !== this.#tunnels.size) return true;
    if (JSON.stringify(attachments) !== this.#attachments) return true;
    for (const [name, state] of states) if (this.#tunnels.get(name)?.state !== state) return true;
    return false;
  }

  /** Frames to send, in order; empty: nothing has changed. */
  frames({ tunnels, attachments, drops }: Observation): ReportFrame[] {
    if (this.#first) this.#tunnels = new Map();
    const names = new Set(tunnels.map(({ name }) => name));
    const gone = [...this.#tunnels.keys()].filter((name) => !names.has(name));
    for (const name of gone) this.#tunnels.delete(name);
    const changed = this.#changed(tunnels);
    this.#rest = { attachments, drops };
    this.#attachments = JSON.stringify(attachments);
    const rest = JSON.stringify([attachments, drops]);
    if (!this.#first && changed.length === 0 && gone.length === 0 && rest === this.#restText) return [];
    this.#restText = rest;
    return this.#framesOf(changed, gone);
  }

  /** Frames about these tunnels alone; whatever else has changed is left to `frames`, and so is all while the console knows nothing yet. */
  some(tunnels: readonly TunnelObservation[]): ReportFrame[] {
    const changed = this.#first ? [] : this.#changed(tunnels);
    return changed.length === 0 ? [] : this.#framesOf(changed, []);
  }

  /** Those that are not as reported last; they are from now on. */
  #changed(tunnels: readonly TunnelObservation[]): TunnelObservation[] {
    const changed = tunnels.filter((tunnel) => !same(this.#tunnels.get(tunnel.name), tunnel));
    for (const tunnel of changed) this.#tunnels.set(tunnel.name, tunnel);
    return changed;
  }

  #framesOf(changed: readonly TunnelObservation[], gone: string[]): ReportFrame[] {
    const { attachments, drops } = this.#rest;
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
    before.silent === now.silent &&
    before.carries === now.carries &&
    before.lastError === now.lastError &&
    before.in.packets === now.in.packets &&
    before.out.packets === now.out.packets
  );
}
