import { expect, test } from 'vitest';
import { createHeartbeat } from '../../src/cluster/heartbeat.ts';
import type { HeartbeatAnswer, HeartbeatQuestion } from '../../src/cluster/instance-ports.ts';
import type { Known } from '../../src/cluster/log-check.ts';
import { createSimulatedTime } from '../support/simulated-time.ts';

const everyMs = 1_000;
const anAnswer = { head: 7 } as HeartbeatAnswer;

type Last = { last: Known | null } | null;

/** Heartbeat whose questions wait until the test answers them; `outcomes` lists what came of them, in order. */
function start({ streamReady = false } = {}) {
  const time = createSimulatedTime();
  const world = { streamReady, wallAhead: 0 };
  const outcomes: string[] = [];
  const questions: { at: number; known: Known | null; answer(given: HeartbeatAnswer | null): void }[] = [];
  const lasts: ((found: Last) => void)[] = [];
  let known: Known | null = null;

  const heartbeat = createHeartbeat({
    ports: {
      now: time.now,
      wall: () => 1_700_000_000_000 + time.now() + world.wallAhead,
      schedule: (delayMs, callback) => time.at(delayMs, callback),
      heartbeat({ known: asked }, done) {
        const question = {
          at: time.now(),
          known: asked,
          answer(given: HeartbeatAnswer | null) {
            questions.splice(questions.indexOf(question), 1);
            done(given);
          },
        };
        questions.push(question);
      },
      streamReady: () => world.streamReady,
      readLast: (done) => lasts.push(done),
    },
    everyMs,
    maxClockGapMs: 1_000,
    question: (): HeartbeatQuestion => ({ renew: [], known, aside: false, forget: [] }),
    onLast(last) {
      known = last;
    },
    onAnswer: (_, { at }) => outcomes.push(`answer to ${at}`),
    onMissed: () => outcomes.push('missed'),
    onDoubt: () => outcomes.push('doubt'),
  });
  heartbeat.ask();
  return {
    heartbeat,
    world,
    outcomes,
    questions,
    lasts,
    pass: time.pass,
    answer: (given: HeartbeatAnswer | null = anAnswer) => questions[0]!.answer(given),
    /** Tells the stream's last entry. */
    answerLast: (found: Last) => lasts.shift()!(found),
  };
}

const asked = ({ questions }: ReturnType<typeof start>) => questions.map(({ at }) => at);

test('the next question comes in time, counted from the last question, and at once after a late answer', () => {
  const world = start();
  world.pass(400);
  world.answer();
  world.pass(599);
  expect(asked(world)).toEqual([]);
  world.pass(1);
  expect(asked(world)).toEqual([1_000]);
  world.pass(2_500);
  world.answer();
  world.pass(0);
  expect(asked(world)).toEqual([3_500]);
  expect(world.outcomes).toEqual(['answer to 0', 'answer to 1000']);
});

test('one question is open at a time, and one more follows its answer when others were wanted meanwhile', () => {
  const world = start();
  world.heartbeat.ask();
  world.heartbeat.ask();
  world.pass(10_000);
  expect(asked(world)).toEqual([0]);
  world.answer();
  world.pass(0);
  expect(asked(world)).toEqual([10_000]);
  world.answer();
  world.pass(999);
  expect(asked(world)).toEqual([]);
});

test('a question that is wanted between two others goes out at once, and the next comes in time after it', () => {
  const world = start();
  world.answer();
  world.pass(300);
  world.heartbeat.ask();
  expect(asked(world)).toEqual([300]);
  world.answer();
  world.pass(999);
  expect(asked(world)).toEqual([]);
  world.pass(1);
  expect(asked(world)).toEqual([1_300]);
});

test('a failed question is reported, and the next comes in time', () => {
  const world = start();
  world.answer(null);
  expect(world.outcomes).toEqual(['missed']);
  world.pass(1_000);
  world.answer();
  expect(world.outcomes).toEqual(['missed', 'answer to 1000']);
});

test('the stream’s last entry is read before the question, which names it', () => {
  const world = start({ streamReady: true });
  expect(asked(world)).toEqual([]);
  world.answerLast({ last: { position: 7, id: 'seven' } });
  expect(world.questions[0]!.known).toEqual({ position: 7, id: 'seven' });
  expect(world.heartbeat.streamIsChecked).toBe(false);
  world.answer();
  expect(world.heartbeat.streamIsChecked).toBe(true);
});

test('a compared stream is read again only after a failed question or a doubt', () => {
  const world = start({ streamReady: true });
  world.answerLast({ last: null });
  world.answer();
  world.pass(1_000);
  expect([world.lasts.length, world.questions.length]).toEqual([0, 1]);
  world.answer(null);
  expect(world.heartbeat.streamIsChecked).toBe(false);
  world.pass(1_000);
  world.answerLast({ last: null });
  world.answer();
  world.heartbeat.distrustStream();
  expect(world.heartbeat.streamIsChecked).toBe(false);
  world.pass(1_000);
  expect(world.lasts).toHaveLength(1);
});

test('a stream that does not answer delays no question, and does not count as compared', () => {
  const world = start({ streamReady: true });
  world.answerLast(null);
  world.answer();
  expect([world.outcomes, world.heartbeat.streamIsChecked]).toEqual([['answer to 0'], false]);
  world.pass(1_000);
  expect(world.lasts).toHaveLength(1);
});

test.each(['while it is read', 'while the database is asked'] as const)(
  'a stream that is doubted %s does not count as compared by that heartbeat, and is read again',
  (when) => {
    const world = start({ streamReady: true });
    if (when === 'while it is read') world.heartbeat.distrustStream();
    world.answerLast({ last: { position: 7, id: 'seven' } });
    if (when === 'while the database is asked') world.heartbeat.distrustStream();
    world.answer();
    expect(world.heartbeat.streamIsChecked).toBe(false);
    world.pass(1_000);
    expect(world.lasts).toHaveLength(1);
  },
);

test.each([1_500, -1_500, 3_600_000])('an answer is void when the clocks went %i ms apart meanwhile', (apart) => {
  const world = start({ streamReady: true });
  world.answerLast({ last: null });
  world.pass(100);
  world.world.wallAhead = apart;
  world.answer();
  expect(world.outcomes).toEqual(['doubt', 'missed']);
  expect(world.heartbeat.streamIsChecked).toBe(false);
  // Asked again at once.
  world.pass(0);
  world.answerLast({ last: null });
  world.answer();
  expect(world.outcomes.at(-1)).toBe('answer to 100');
});

test('after a suspend between two questions an instance trusts nothing before the next answer', () => {
  const world = start();
  world.answer();
  world.world.wallAhead = 2_000;
  world.pass(1_000);
  expect(world.outcomes).toEqual(['answer to 0', 'doubt']);
  world.answer();
  expect(world.outcomes).toEqual(['answer to 0', 'doubt', 'answer to 1000']);
});

test('smaller differences between the clocks, as wall clocks have, raise no doubt', () => {
  const world = start();
  for (let beat = 0; beat < 20; beat += 1) {
    world.world.wallAhead += 400;
    world.answer();
    world.world.wallAhead -= 700;
    world.pass(1_000);
  }
  expect(new Set(world.outcomes.map((line) => line.split(' ')[0]))).toEqual(new Set(['answer']));
});

test('a stopped heartbeat asks nothing and takes no answer', () => {
  const world = start();
  world.heartbeat.stop();
  world.answer();
  world.heartbeat.ask();
  world.pass(10_000);
  expect([world.outcomes, world.questions]).toEqual([[], []]);
});
