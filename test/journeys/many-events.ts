// Many events to 20 endpoints, with nothing going wrong: published, and made by users that are created and deleted.

import { startLoad } from '../support/load.ts';
import { type Stage, openStage } from '../support/stage.ts';

const endpoints = Array.from({ length: 20 }, (_, index) => `endpoint-${index + 1}`);

/** Four publishers publish `batches` of 25 events each, and each of `users` users makes two. Says what came of all that. */
export async function deliverMany({ batches, users }: { batches: number; users: number }) {
  await using stage = await openStage({ environment: { DELIVERY_THREADS: '2' } });
  await stage.place.configure(endpoints.map((id) => stage.endpoint(id)));
  await stage.start();
  const loads = Array.from({ length: 4 }, () => startLoad(stage.service, { batches, size: 25 }));
  await Promise.all([changeUsers(stage, users), ...loads.map(({ done }) => done)]);
  const acknowledged = loads.flatMap((load) => load.acknowledged);
  return {
    wrongs: await stage.judge({ endpoints, acknowledged, crashes: 0 }),
    events: (await stage.log()).length,
    requests: stage.receiver.journal.length,
    attempts: (await stage.attempts()).length,
    firstTime: stage.receiver.journal.filter(({ attempt, status }) => attempt === 1 && status === 200).length,
  };
}

/** Makes users and deletes them again, one after another: an event for each of the two. */
async function changeUsers(stage: Stage, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const { createUser } = await stage
      .service()
      .ask('mutation ($email: String!) { createUser(input: { email: $email }) { id } }', {
        email: `user-${index}@example.com`,
      });
    await stage.service().ask('mutation ($id: ID!) { deleteUser(id: $id) }', { id: createUser.id });
  }
}
