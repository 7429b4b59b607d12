// Holds back what was read of the log until the configuration in force is not older than its events. Pure.

import type { LogEntry } from '../log/entry.ts';

export type ConfigurationGate = {
  /** Events are matched by the configuration that was in force when they got their position, or by a newer one. */
  pass(entries: readonly LogEntry[], go: () => void): void;
  /** Another version is in force: what waited for it goes on. */
  moved(): void;
  /** Holds everything back until the version in force was checked; of several checks the last one counts. */
  check(): void;
  /** Drops what waits. */
  clear(): void;
};

/** `inForce` gives the version that is served. */
export function createConfigurationGate(
  ports: { reachConfiguration(version: number): void; checkConfiguration(done: () => void): void },
  inForce: () => number,
): ConfigurationGate {
  let waiting: { version: number; go: () => void }[] = [];
  let checks = 0;
  let isChecked = true;

  function letThrough(): void {
    if (!isChecked) return;
    const due = waiting.filter(({ version }) => version <= inForce());
    waiting = waiting.filter(({ version }) => version > inForce());
    for (const { go } of due) go();
    const newest = waiting.at(-1);
    if (newest) ports.reachConfiguration(newest.version);
  }

  return {
    pass(entries, go) {
      const version = entries.at(-1)?.configuration ?? 0;
      if (isChecked && version <= inForce()) return go();
      waiting.push({ version, go });
      if (isChecked) ports.reachConfiguration(version);
    },
    moved: letThrough,
    check() {
      const check = (checks += 1);
      isChecked = false;
      ports.checkConfiguration(() => {
        isChecked ||= check === checks;
        letThrough();
      });
    },
    clear() {
      waiting = [];
    },
  };
}
