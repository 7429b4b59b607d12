// Reads a Dockerfile, and what of the checkout goes to its builder.

import { readFileSync } from 'node:fs';

export type Copy = { from: string | null; sources: string[]; target: string };

export type Step = { does: 'copy'; copy: Copy } | { does: 'run'; command: string } | { does: 'workdir'; path: string };

export type Stage = {
  /** Its name, or its number. */
  name: string;
  base: string;
  steps: Step[];
  environment: Record<string, string>;
  user: string;
  entrypoint: string[];
  command: string[];
  healthcheck: string[];
  /** Where it ends. */
  workdir: string;
};

/** Throws an Error for an instruction that no reader here knows. */
export function readDockerfile(path: string): Stage[] {
  const stages: Stage[] = [];
  for (const line of instructions(readFileSync(path, 'utf8'))) {
    const [, keyword = '', rest = ''] = /^(\w+)\s+([^]*)$/.exec(line) ?? [];
    if (keyword === 'FROM') {
      const [, base = '', name = String(stages.length)] = /^(\S+)(?: AS (\S+))?$/.exec(rest) ?? [];
      stages.push({
        ...{ name, base, steps: [], environment: {}, user: 'root', workdir: '/' },
        ...{ entrypoint: [], command: [], healthcheck: [] },
      });
    } else {
      read(stages.at(-1)!, keyword, rest);
    }
  }
  return stages;
}

function read(stage: Stage, keyword: string, rest: string): void {
  if (keyword === 'COPY') {
    const [, from = null, paths = ''] = /^(?:--from=(\S+)\s+)?(.*)$/.exec(rest)!;
    const words = paths.split(/\s+/);
    stage.steps.push({ does: 'copy', copy: { from, sources: words.slice(0, -1), target: words.at(-1)! } });
  } else if (keyword === 'RUN') {
    stage.steps.push({ does: 'run', command: rest });
  } else if (keyword === 'WORKDIR') {
    stage.steps.push({ does: 'workdir', path: rest });
    stage.workdir = rest;
  } else if (keyword === 'ENV') {
    for (const [, name, value] of rest.matchAll(/(\w+)=(\S+)/g)) stage.environment[name!] = value!;
  } else if (keyword === 'USER') {
    stage.user = rest;
  } else if (keyword === 'ENTRYPOINT' || keyword === 'CMD') {
    stage[keyword === 'CMD' ? 'command' : 'entrypoint'] = JSON.parse(rest) as string[];
  } else if (keyword === 'HEALTHCHECK') {
    stage.healthcheck = JSON.parse(/CMD (\[.*\])$/.exec(rest)![1]!) as string[];
  } else if (!['LABEL', 'EXPOSE', 'STOPSIGNAL'].includes(keyword)) {
    throw new Error(`The Dockerfile has ${keyword}, which is not read here.`);
  }
}

/** One a line, without comments. */
function instructions(text: string): string[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  return lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '');
}

/** Whether a path of the checkout goes to the builder: the last pattern that fits decides. */
export function readDockerignore(path: string): (file: string) => boolean {
  const patterns = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return (file) => {
    const last = patterns.findLast((pattern) => fits(pattern.replace(/^!/, ''), file));
    return last === undefined || last.startsWith('!');
  };
}

/** What is named, and what is below it. */
function fits(pattern: string, file: string): boolean {
  return pattern === '*' || file === pattern || file.startsWith(`${pattern}/`);
}
