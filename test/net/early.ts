/**
 * Loaded into a router before its own program (node --import): SIGUSR2 has its agent look after the certificate now, as if 21 of its 30 days
 * were over, instead of at its next look. Only that look sees another time; whatever else the router does goes by the host's clock.
 */
const DAY = 86_400_000;
const AGE = 21 * DAY;
/** How often an agent looks (src/agent/renewal.ts), milliseconds; nothing else in a router happens as often. */
const LOOK_EVERY = 600_000;

const looks: (() => void)[] = [];
const { setInterval } = globalThis;

globalThis.setInterval = ((act: () => void, every?: number, ...rest: []) => {
  if (every === LOOK_EVERY) looks.push(act);
  return setInterval(act, every, ...rest);
}) as typeof setInterval;

process.on("SIGUSR2", () => {
  const { now } = Date;
  Date.now = () => now() + AGE;
  try {
    for (const look of looks) look();
  } finally {
    Date.now = now;
  }
});

export {};
