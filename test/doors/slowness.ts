// How slow this machine is now: shared ones take twice the processor time in one hour as in another.

/** What the work below takes on two cores of an Intel Xeon of 2026 in a fast hour. */
const usualMs = 11;
const times = 9;

const text = JSON.stringify(
  Array.from({ length: 2_000 }, (_, at) => ({ at, name: `row ${at}`, isEven: at % 2 === 0 })),
);

function workMs(): number {
  const before = process.threadCpuUsage();
  for (let round = 0; round < 20; round += 1) JSON.stringify(JSON.parse(text));
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

/** At least 1: by how much the same work takes more processor time than in a fast hour, by the least of some tries. */
export function measureSlowness(): number {
  return Math.max(1, Math.min(...Array.from({ length: times }, workMs)) / usualMs);
}
