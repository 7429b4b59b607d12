import { expect, test } from 'vitest';
import { createHeartbeat } from '../../src/cluster/heartbeat.ts';
import type { HeartbeatAnswer, HeartbeatQuestion } from '../../src/cluster/instance-ports.ts';
import type { Known } from '../../src/cluster/log-check.ts';
import { createSimulatedTime } from '../support/simulated-time.ts';

const everyMs = 1_000;
const anAnswer = { head: 7 } as HeartbeatAnswer;

type Last = { last: Known | null } | null;

/** Heartbeat whose questions wait until the test answers them; `heard` tells what came of it all, in order. */
function start({ streamReady = false } = {}) {
  const time = createSimulatedTime();
  const world = { streamReady, wallAhead: 0 };
  const heard: string[] = [];
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
    onAnswer: (_, { at }) => heard.push(`answer to ${at}`),
    onMissed: () => heard.push('missed'),
    onDoubt: () => heard.push('doubt'),
  });
  heartbeat.ask();
  return {
    heartbeat,
    world,
    heard,
    questions,
    lasts,
    pass: time.pass,
    answer: (given: HeartbeatAnswer | null = anAnswer) => questions[0]!.answer(given),
    /** Tells the stream's last entry. */
    tell: (found: Last) => lasts.shift()!(found),
  };
}

const asked = ({ questions }: ReturnType<typeof start>) => questions.map(({ at }) => at);

test('it asks again in time, counted from when it asked, and at once when the answer took longer', () => {
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
  expect(world.heard).toEqual(['answer to 0', 'answer to 1000']);
});

test('one question at a time; told meanwhile, it asks once more when that one is answered', () => {
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

test('told between two questions it asks at once, and the next comes in time after that', () => {
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

test('a question that fails is told, and the next comes in time', () => {
  const world = start();
  world.answer(null);
  expect(world.heard).toEqual(['missed']);
  world.pass(1_000);
  world.answer();
  expect(world.heard).toEqual(['missed', 'answer to 1000']);
});

test('the stream is read before the question, which names what was found', () => {
  const world = start({ streamReady: true });
  expect(asked(world)).toEqual([]);
  world.tell({ last: { position: 7, id: 'seven' } });
  expect(world.questions[0]!.known).toEqual({ position: 7, id: 'seven' });
  expect(world.heartbeat.streamIsChecked).toBe(false);
  world.answer();
  expect(world.heartbeat.streamIsChecked).toBe(true);
});

test('a stream that is compared is not read again, before something speaks against it', () => {
  const world = start({ streamReady: true });
  world.tell({ last: null });
  world.answer();
  world.pass(1_000);
  expect([world.lasts.length, world.questions.length]).toEqual([0, 1]);
  world.answer(null);
  expect(world.heartbeat.streamIsChecked).toBe(false);
  world.pass(1_000);
  world.tell({ last: null });
  world.answer();
  world.heartbeat.distrustStream();
  expect(world.heartbeat.streamIsChecked).toBe(false);
  world.pass(1_000);
  expect(world.lasts).toHaveLength(1);
});

test('a stream that does not answer holds up no question, and is not taken for compared', () => {
  const world = start({ streamReady: true });
  world.tell(null);
  world.answer();
  expect([world.heard, world.heartbeat.streamIsChecked]).toEqual([['answer to 0'], false]);
  world.pass(1_000);
  expect(world.lasts).toHaveLength(1);
});

test.each(['while it is read', 'while the database is asked'] as const)(
  'a stream that became doubtful %s is not taken for compared by that heartbeat, and is read again',
  (when) => {
    const world = start({ streamReady: true });
    if (when === 'while it is read') world.heartbeat.distrustStream();
    world.tell({ last: { position: 7, id: 'seven' } });
    if (when === 'while the database is asked') world.heartbeat.distrustStream();
    world.answer();
    expect(world.heartbeat.streamIsChecked).toBe(false);
    world.pass(1_000);
    expect(world.lasts).toHaveLength(1);
  },
);

test.each([1_500, -1_500, 3_600_000])('an answer over whose wait the wall clock went %i ms apart is void', (apart) => {
  const world = start({ streamReady: true });
  world.tell({ last: null });
  world.pass(100);
  world.world.wallAhead = apart;
  world.answer();
  expect(world.heard).toEqual(['doubt', 'missed']);
  expect(world.heartbeat.streamIsChecked).toBe(false);
  // Asked again at once.
  world.pass(0);
  world.tell({ last: null });
  world.answer();
  expect(world.heard.at(-1)).toBe('answer to 100');
});

test('a machine that stood still between two questions relies on nothing before the next answer', () => {
  const world = start();
  world.answer();
  world.world.wallAhead = 2_000;
  world.pass(1_000);
  expect(world.heard).toEqual(['answer to 0', 'doubt']);
  world.answer();
  expect(world.heard).toEqual(['answer to 0', 'doubt', 'answer to 1000']);
});

test('clocks that go apart by less, as wall clocks do, say nothing', () => {
  const world = start();
  for (let beat = 0; beat < 20; beat += 1) {
    world.world.wallAhead += 400;
    world.answer();
    world.world.wallAhead -= 700;
    world.pass(1_000);
  }
  expect(new Set(world.heard.map((line) => line.split(' ')[0]))).toEqual(new Set(['answer']));
});

test('once stopped it asks nothing, and hears no answer', () => {
  const world = start();
  world.heartbeat.stop();
  world.answer();
  world.heartbeat.ask();
  world.pass(10_000);
  expect([world.heard, world.questions]).toEqual([[], []]);
});
