/** The worker where each tunnel is at home: that of its first Child SA; its copies go to the workers after it. */
export class Homes {
  readonly #byTunnel = new Map<string, number>();
  /** Of tunnels that are no more. */
  readonly #free: number[] = [];

  /**
   * A number that no other tunnel has, from 0 on; by it, modulo their count, workers get tunnels in turn, so that tunnels whose peers have one
   * Child SA each are spread over all of them. The same until the tunnel is forgotten.
   */
  of(tunnel: string): number {
    const known = this.#byTunnel.get(tunnel);
    if (known !== undefined) return known;
    // What one leaves the next one takes: so they stay spread, however many come and go.
    const home = this.#free.pop() ?? this.#byTunnel.size;
    this.#byTunnel.set(tunnel, home);
    return home;
  }

  forget(tunnel: string): void {
    const home = this.#byTunnel.get(tunnel);
    if (home === undefined) return;
    this.#byTunnel.delete(tunnel);
    if (this.#byTunnel.size === 0) this.#free.length = 0;
    else this.#free.push(home);
  }

  /** Names and numbers that are kept. */
  get size(): number {
    return this.#byTunnel.size + this.#free.length;
  }
}
