/** What the processes of bench fleet say to each other over IPC. Times: nanoseconds of the monotonic clock, which all of them share. */

export interface ToConsole {
  readonly do: "issue";
  readonly serials: readonly string[];
  readonly csr: string;
}

export type FromConsole =
  /** `ms`: how long the start of the console took. */
  | {
      readonly is: "up";
      readonly url: string;
      readonly root: string;
      readonly configKey: string;
      readonly firstPassword: string | undefined;
      readonly ms: number;
    }
  | { readonly is: "issued"; readonly chains: readonly string[][] };

export interface Connect {
  readonly do: "connect";
  readonly url: string;
  readonly root: string;
  readonly configKey: string;
  readonly chains: readonly string[][];
}

export type ToAgents =
  | { readonly do: "make"; readonly serials: readonly string[] }
  | Connect
  /** Forget what has come so far. */
  | { readonly do: "listen" }
  | { readonly do: "tell" }
  /** Each agent reports its tunnel once in so many milliseconds; 0: no more. */
  | { readonly do: "report"; readonly every: number };

/** Who was sent which version, and when. */
export type Arrival = readonly [serial: string, version: number, at: string];

export type FromAgents =
  | { readonly is: "made"; readonly csr: string }
  /** Milliseconds from the start of each handshake to its first configuration. */
  | { readonly is: "connected"; readonly ms: readonly number[]; readonly failed: number }
  | { readonly is: "listening" }
  | {
      readonly is: "heard";
      readonly arrivals: readonly Arrival[];
      /** Agents that are connected now, and when the last of them got through. */
      readonly connected: number;
      readonly last: string;
      /** Tries to connect that failed since `listen`. */
      readonly failures: number;
      /** Configurations that an agent of the sample did not take. */
      readonly bad: number;
    }
  | { readonly is: "reporting" };
