// Which actors an event type goes to, found once a type.

import type { Actor } from './actor.ts';

/** Types come from outside: a bound keeps a flood of new ones from growing the table without end. */
const mostTypes = 10_000;

export type Routes = {
  to(type: string): readonly Actor[];
  /** After a change of the actors or of their filters. */
  clear(): void;
};

export function createRoutes(actors: ReadonlyMap<string, Actor>): Routes {
  const routes = new Map<string, Actor[]>();

  return {
    to(type) {
      let found = routes.get(type);
      if (!found) {
        found = [...actors.values()].filter((actor) => actor.matches(type));
        if (routes.size >= mostTypes) routes.clear();
        routes.set(type, found);
      }
      return found;
    },
    clear: () => routes.clear(),
  };
}
