/** What has been seen of one device. */
import type { AppliedFrame, HelloFrame, ReportFrame } from "../../protocol/stream.ts";
import type { Observed, ObservedTunnel } from "../model/observed.ts";

/** Tunnels of one device that are remembered. */
const MOST_TUNNELS = 50_000;

export class Sight {
  #online = false;
  #version: string | null = null;
  #lastSeen: number | null = null;
  #applied = 0;
  #error: Observed["error"] = null;
  /** Version that #error is about. */
  #refused = 0;
  readonly #tunnels = new Map<string, ObservedTunnel>();
  /** Names of #tunnels that are not up. */
  readonly #notUp = new Set<string>();
  #attachments: Observed["attachments"] = [];
  #drops: Readonly<Record<string, number>> = {};
  /** The tunnels as an array; undefined: must be made again. */
  #list: readonly ObservedTunnel[] | undefined;

  connected(hello: HelloFrame, now: number): void {
    // What was so before it went is not known to be so still; it reports all.
    if (!this.#online) this.#forget();
    this.#online = true;
    this.#version = hello.software;
    this.#applied = hello.have;
    // What it could not take once, it has kept since.
    if (this.#error && (hello.newest?.statement.version ?? 0) >= this.#refused) this.#error = null;
    this.#lastSeen = now;
  }

  heard(now: number): void {
    this.#lastSeen = now;
  }

  lost(): void {
    this.#online = false;
  }

  answered({ version, error }: AppliedFrame): void {
    if (error === null) this.#applied = version;
    this.#error = error;
    this.#refused = version;
  }

  /** Gives the names of tunnels that are or carry what they did not before, or are no more. */
  reported(report: ReportFrame): string[] {
    const turned = report.gone.filter((name) => this.#tunnels.has(name));
    if (report.first) {
      turned.push(...this.#tunnels.keys());
      this.#forget();
    }
    for (const name of report.gone) this.#take(name);
    for (const { name, state, rttMs, in: inbound, out, lastError, silent, carries } of report.tunnels) {
      const before = this.#tunnels.get(name);
      this.#take(name);
      if (this.#tunnels.size >= MOST_TUNNELS) break;
      this.#tunnels.set(name, {
        ...{ name, state, rttMs, in: inbound, out, lastError },
        ...(silent && { silent }),
        ...(carries !== undefined && { carries }),
      });
      if (state !== "up") this.#notUp.add(name);
      if (before?.state !== state || before.carries !== carries) turned.push(name);
    }
    if (report.tunnels.length > 0 || report.gone.length > 0) this.#list = undefined;
    this.#attachments = report.attachments;
    this.#drops = report.drops;
    return turned;
  }

  /** undefined: its agent is not connected, or has not reported one of this name. */
  tunnel(name: string): ObservedTunnel | undefined {
    return this.#online ? this.#tunnels.get(name) : undefined;
  }

  /** `inFlight`: a configuration is on its way. `expected`: is this tunnel, which is not up, one that should be? */
  observed(wanted: number, enrolled: boolean, inFlight: boolean, expected: (tunnel: string) => boolean): Observed {
    this.#list ??= [...this.#tunnels.values()];
    return {
      controller: this.#online ? "normal" : "abnormal",
      // Of a device that is not heard nobody knows.
      vpn: this.#online ? this.#vpn(expected) : "none",
      sync: this.#sync(wanted, inFlight),
      enrolled,
      version: this.#version,
      lastSeen: this.#lastSeen === null ? null : new Date(this.#lastSeen).toISOString(),
      applied: this.#applied,
      wanted,
      error: this.#error,
      tunnels: this.#list,
      attachments: this.#attachments,
      drops: this.#drops,
    };
  }

  #vpn(expected: (tunnel: string) => boolean): Observed["vpn"] {
    for (const name of this.#notUp) if (expected(name)) return "abnormal";
    return this.#tunnels.size > this.#notUp.size ? "normal" : "none";
  }

  #sync(wanted: number, inFlight: boolean): Observed["sync"] {
    if (!this.#online) return "unsynchronized";
    if (inFlight) return "synchronizing";
    return this.#applied === wanted ? "synchronized" : "unsynchronized";
  }

  #forget(): void {
    this.#tunnels.clear();
    this.#notUp.clear();
    this.#list = undefined;
  }

  #take(name: string): void {
    this.#tunnels.delete(name);
    this.#notUp.delete(name);
  }
}
