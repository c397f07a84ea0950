/** Exit codes of `vcpe`, for scripts and service managers. `vcpe lab --once` ends with 0 or 1. */
export const EXIT = {
  /** Done; a router or console ended because it was asked to. */
  ok: 0,
  /** What was asked for was refused, or failed; `vcpe ready`: it is not ready. */
  failed: 1,
  /** Unknown sub-command, option or argument. */
  usage: 2,
  /** The configuration file has errors; nothing was changed. */
  config: 3,
  /** No such router or console runs, or it does not answer. */
  notRunning: 4,
  /** A router of this name, or a console of this folder, runs already. */
  alreadyRunning: 5,
  /** Nobody is logged in at the console, or no more. */
  notLoggedIn: 6,
  /** The console refused; nothing was changed. */
  refused: 7,
  // 69: the launcher could not install or build.
  /** A fault of ours; please report it. */
  internal: 70,
  /** A lab or bench that Ctrl-C ended: what a shell says of such a program. */
  interrupted: 130,
} as const;
