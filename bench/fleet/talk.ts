/** What the processes of bench fleet say to each other over IPC. Times: nanoseconds of the monotonic clock, which all of them share. */

export type ToConsole =
  | { readonly do: "issue"; readonly serials: readonly string[]; readonly csr: string }
  | { readonly do: "key"; readonly serial: string }
  | { readonly do: "change"; readonly edges: readonly string[] };

export type FromConsole =
  | { readonly is: "up"; readonly url: string; readonly root: string }
  | { readonly is: "issued"; readonly chains: readonly string[][] }
  | { readonly is: "key"; readonly key: string }
  | { readonly is: "changed"; readonly version: number; readonly at: string };

export type ToAgents =
  | { readonly do: "make"; readonly serials: readonly string[] }
  | { readonly do: "connect"; readonly url: string; readonly root: string; readonly chains: readonly string[][] }
  /** Forget what has come so far. */
  | { readonly do: "listen" }
  | { readonly do: "tell" }
  /** Each agent reports its tunnel once in so many milliseconds; 0: no more. */
  | { readonly do: "report"; readonly every: number };

export type FromAgents =
  | { readonly is: "made"; readonly csr: string }
  /** Milliseconds from the start of each handshake to its first configuration. */
  | { readonly is: "connected"; readonly ms: readonly number[]; readonly failed: number }
  | { readonly is: "listening" }
  /** Who was sent which version, and when. */
  | { readonly is: "heard"; readonly arrivals: readonly (readonly [serial: string, version: number, at: string])[] }
  | { readonly is: "reporting" };
