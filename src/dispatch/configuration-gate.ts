// Holds back what was read of the log until the configuration in force is not older than its events. Pure.

import type { LogEntry } from '../log/entry.ts';

export type ConfigurationGate = {
  /** Events are matched by the configuration that was in force when they got their position, or by a newer one. */
  pass(entries: readonly LogEntry[], go: () => void): void;
  /** A version is in force: what waited for it goes on. */
  open(version: number): void;
  /** Drops what waits. */
  clear(): void;
};

/** `inForce` gives the version in force; `reach` asks for a newer one, which comes by `open`. */
export function createConfigurationGate(inForce: () => number, reach: (version: number) => void): ConfigurationGate {
  let waiting: { version: number; go: () => void }[] = [];

  return {
    pass(entries, go) {
      const version = entries.at(-1)?.configuration ?? 0;
      if (version <= inForce()) return go();
      waiting.push({ version, go });
      reach(version);
    },
    open(inForceNow) {
      const due = waiting.filter(({ version }) => version <= inForceNow);
      waiting = waiting.filter(({ version }) => version > inForceNow);
      for (const { go } of due) go();
    },
    clear() {
      waiting = [];
    },
  };
}
