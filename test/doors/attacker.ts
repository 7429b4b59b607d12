// Strikes from a process of its own, so that it holds up nothing but the service.

import { type Target, attacks } from './attacks.ts';

process.on('message', ({ name, target }: { name: string; target: Target }) => {
  const done = (error: string | null) => process.send!({ error });
  attacks[name]!(target).then(
    () => done(null),
    (error: unknown) => done(String(error)),
  );
});
