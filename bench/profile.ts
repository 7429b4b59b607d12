// Sums up the CPU profiles of the service, thread by thread: where its time goes by function, and what garbage collection takes.

import { readFile, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** As V8 writes it: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile; deltas in microseconds. */
export type CpuProfile = {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
};

export type ProfileSummary = {
  busyMs: number;
  /** Of the busy time. */
  garbageShare: number;
  /** The functions with the most time of their own, most first. */
  functions: { name: string; share: number }[];
};

const mostFunctions = 25;
const idle = new Set(['(idle)', '(program)']);
const root = join(import.meta.dirname, '..');

/** Self time: a sample counts for the function that ran, and for none that called it. */
export function summarise({ nodes, samples, timeDeltas }: CpuProfile): ProfileSummary {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const name = names.get(id)!;
    if (!idle.has(name)) times.set(name, (times.get(name) ?? 0) + Math.max(0, timeDeltas[index] ?? 0));
  }
  const busyUs = [...times.values()].reduce((sum, us) => sum + us, 0);
  const functions = [...times]
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, mostFunctions)
    .map(([name, us]) => ({ name, share: us / busyUs }));
  return { busyMs: busyUs / 1_000, garbageShare: (times.get('(garbage collector)') ?? 0) / busyUs, functions };
}

/** Prints a summary of each profile in the directory; the files are for Chrome's developer tools. */
export async function printProfiles(directory: string): Promise<void> {
  const files = (await readdir(directory)).filter((name) => name.endsWith('.cpuprofile')).toSorted();
  for (const file of files) {
    const profile = JSON.parse(await readFile(join(directory, file), 'utf8')) as CpuProfile;
    const { busyMs, garbageShare, functions } = summarise(profile);
    console.log(`\n${file}: ${Math.round(busyMs)} ms busy, garbage collection ${percent(garbageShare)}`);
    for (const { name, share } of functions) console.log(`  ${percent(share).padStart(6)}  ${name}`);
  }
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const path = url.startsWith('file://') ? relative(root, new URL(url).pathname) : url;
  return `${name} ${path}:${lineNumber + 1}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
