// Puts together what the Dockerfile makes, without an engine: each stage is a directory, each COPY a copy, and what the
// registry would give comes from this checkout.

import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { chmod, copyFile, cp, mkdir, readFile, readdir, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../docs/markdown.ts';
import { type Copy, type Stage, readDockerfile, readDockerignore } from './dockerfile.ts';

export type BuiltImage = {
  /** The last stage. */
  stage: Stage;
  /** Its root directory. */
  path: string;
};

type Installed = { dev?: boolean; optional?: boolean; devOptional?: boolean };

/** Builds it below this directory, and takes from everybody the right to write there. */
export async function buildImage(directory: string): Promise<BuiltImage> {
  const stages = readDockerfile(join(root, 'Dockerfile'));
  for (const stage of stages) await buildStage(stage, stages, directory);
  const stage = stages.at(-1)!;
  const path = join(directory, stage.name);
  // What the base image has.
  await mkdir(join(path, 'usr/local/bin'), { recursive: true });
  const node = join(path, 'usr/local/bin/node');
  await copyFile(process.execPath, node, constants.COPYFILE_FICLONE);
  await chmod(node, 0o755);
  await promisify(execFile)('chmod', ['-R', 'a-w,a+rX', path]);
  return { stage, path };
}

async function buildStage(stage: Stage, stages: readonly Stage[], directory: string): Promise<void> {
  const path = join(directory, stage.name);
  let workdir = '/';
  for (const step of stage.steps) {
    if (step.does === 'workdir') {
      workdir = step.path;
      await mkdir(join(path, workdir), { recursive: true });
    } else if (step.does === 'run') {
      await run(step.command, join(path, workdir));
    } else {
      const from = stages.find(({ name }) => name === step.copy.from);
      await copy(step.copy, from === undefined ? null : join(directory, from.name), join(path, workdir));
    }
  }
}

/** From another stage, or from what of the checkout goes to the builder. */
async function copy({ sources, target }: Copy, from: string | null, workdir: string): Promise<void> {
  const isSent = readDockerignore(join(root, '.dockerignore'));
  for (const source of sources) {
    const path = from === null ? join(root, source) : join(from, source);
    // A file into a directory, or everything as the target.
    const into = target.endsWith('/') ? join(workdir, target, source) : join(workdir, target);
    if (from === null && !isSent(source)) throw new Error(`COPY ${source}: .dockerignore keeps it from the builder.`);
    await mkdir(dirname(into), { recursive: true });
    await cp(path, into, {
      recursive: true,
      errorOnExist: true,
      verbatimSymlinks: true,
      filter: (file) => from !== null || isSent(relative(root, file)),
    });
  }
}

async function run(command: string, workdir: string): Promise<void> {
  const installing = /^npm ci((?: --omit=(?:dev|optional))*)$/.exec(command);
  if (installing !== null) await install(workdir, new Set(installing[1]!.match(/dev|optional/g)));
  else await promisify(execFile)('/bin/sh', ['-c', command], { cwd: workdir });
}

/** As `npm ci` would. All of them are only linked to, the others are copied one by one. */
async function install(workdir: string, omitted: ReadonlySet<string>): Promise<void> {
  const into = join(workdir, 'node_modules');
  if (omitted.size === 0) return await symlink(join(root, 'node_modules'), into);
  const lock = JSON.parse(await readFile(join(workdir, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Installed>;
  };
  const isWanted = ({ dev, optional, devOptional }: Installed) =>
    !(dev === true && omitted.has('dev')) &&
    !(optional === true && omitted.has('optional')) &&
    !(devOptional === true && omitted.size === 2);
  const wanted = Object.keys(lock.packages).filter((path) => path !== '' && isWanted(lock.packages[path]!));
  for (const path of wanted) {
    await cp(join(root, path), join(workdir, path), { recursive: true });
    // What is nested in it has an entry of its own.
    await rm(join(workdir, path, 'node_modules'), { recursive: true, force: true });
  }
}

/** The packages in an image, with those of a scope by both names. */
export async function packagesIn(path: string): Promise<string[]> {
  const folder = join(path, 'node_modules');
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.'));
  const found = await Promise.all(
    names.map(async (name) =>
      name.startsWith('@') ? (await readdir(join(folder, name))).map((inner) => `${name}/${inner}`) : [name],
    ),
  );
  return found.flat();
}
