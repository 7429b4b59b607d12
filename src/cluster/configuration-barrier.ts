// Holds events back until the configuration in force is at least as new as they are. Pure.

import type { LogEntry } from '../log/entry.ts';

export type ConfigurationBarrier = {
  /** Calls `go` once the configuration in force is that under which the last entry got its position, or a newer one. */
  whenInForce(entries: readonly LogEntry[], go: () => void): void;
  /** Another version is in force: what waited for it goes on. */
  versionChanged(): void;
  /** Holds everything back until the version in force was checked. Of several checks the last one counts. */
  check(): void;
  /** Drops what waits. */
  clear(): void;
};

export type BarrierPorts = {
  /** Loads the configuration in force, which is this version or a newer one. It comes by the instance's `configure`. */
  reach(version: number): void;
  /** Loads the configuration in force, whatever its version: a restored database may have another one of the same number. */
  check(done: () => void): void;
};

/** `inForce` gives the version that this instance serves. */
export function createConfigurationBarrier(configurations: BarrierPorts, inForce: () => number): ConfigurationBarrier {
  let waiting: { version: number; go: () => void }[] = [];
  let checks = 0;
  let isChecked = true;

  function letThrough(): void {
    if (!isChecked) return;
    const due = waiting.filter(({ version }) => version <= inForce());
    waiting = waiting.filter(({ version }) => version > inForce());
    for (const { go } of due) go();
    const newest = waiting.at(-1);
    if (newest) configurations.reach(newest.version);
  }

  return {
    whenInForce(entries, go) {
      const version = entries.at(-1)?.configuration ?? 0;
      if (isChecked && version <= inForce()) return go();
      waiting.push({ version, go });
      if (isChecked) configurations.reach(version);
    },
    versionChanged: letThrough,
    check() {
      const check = (checks += 1);
      isChecked = false;
      configurations.check(() => {
        isChecked ||= check === checks;
        letThrough();
      });
    },
    clear() {
      waiting = [];
    },
  };
}
