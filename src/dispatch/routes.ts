// The actors whose filter matches an event type, found once for each type.

import type { Actor } from './actor.ts';

/** Publishers choose the types. The limit keeps a flood of new ones from filling the memory. */
const mostTypes = 10_000;

export type Routes = {
  to(type: string): readonly Actor[];
  /** To be called when the actors or their filters have changed. */
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
