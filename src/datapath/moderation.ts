/**
 * Moderation: when packets come fast but one by one, a worker that wakes for each spends most of its time on waking, and on a
 * system call for each packet. So it lets them gather for a moment, as network cards moderate their interrupts (ethtool's
 * rx-usecs, adaptive-rx); then many share one round, and leave as one run.
 *
 *   off ── a window with many rounds, and few packets in each ──▶ on ── SPELL windows, or few packets ──▶ off: looked at anew
 *   on     a round that brought fewer than ENOUGH packets is followed by a pause
 *
 * An idle path, a ping, a flow of superpackets never wait. Under load a worker pauses only while it has nothing to do, so its
 * highest rate is what it was: full rounds follow each other at once.
 */

/** Microseconds of a pause. What a packet waits at most, if the thread gets its core back in time. */
export const PAUSE = 100;

/** Milliseconds between two looks at the traffic; the clock counts whole ones. */
const WINDOW = 2;
/** Windows that a decision lasts: 98 % of the time is moderated, the rest tells whether it still should be. */
const SPELL = 50;
/** Rounds in a millisecond from which on waking is what costs: 5,000 a second, some 5 % of a core. */
const ROUNDS = 5;
/** Packets in a round from which on a round is worth its price: on average, and for a pause to be left out. */
const FEW = 16;
const ENOUGH = 32;
/** Packets in a millisecond from which on they gather: two in a pause. */
const LEAST = 20;

export class Moderation {
  #begun = 0;
  #rounds = 0;
  #packets = 0;
  /** Windows of the spell that are left; 0: off. */
  #spell = 0;

  /**
   * Counts a round that had something to do. `now`: milliseconds of any clock that may also be set back; `packets`: as the
   * peer sees them, segments of a superpacket one by one. True: pause before the next round.
   */
  round(now: number, packets: number): boolean {
    this.#rounds++;
    this.#packets += packets;
    const elapsed = now - this.#begun;
    if (elapsed >= WINDOW || elapsed < 0) {
      this.#decide(elapsed);
      this.#begun = now;
      this.#rounds = 0;
      this.#packets = 0;
    }
    return this.#spell > 0 && packets < ENOUGH;
  }

  #decide(elapsed: number): void {
    if (elapsed < 0) return;
    const fast = this.#packets >= LEAST * elapsed;
    if (this.#spell > 0) this.#spell = fast ? this.#spell - 1 : 0;
    else if (fast && this.#rounds >= ROUNDS * elapsed && this.#packets < FEW * this.#rounds) this.#spell = SPELL;
  }
}
