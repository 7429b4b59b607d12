// A program that runs as another user, who owns nothing: it tries what others must not be able to do. Needs root.

export const stranger = 65_534;

/**
 * For `spawn` and `execFile`: a Node that runs this script, in which `require` is known and the values follow in
 * `process.argv` from 1 on. It becomes the other user by itself, who need not be able to reach the Node of this checkout.
 */
export function asStranger(
  script: string,
  ...values: string[]
): [program: string, args: string[], options: { cwd: string }] {
  const becomes = `process.setgroups([]); process.setgid(${stranger}); process.setuid(${stranger});`;
  return [process.execPath, ['--eval', `${becomes}\n${script}`, ...values], { cwd: '/' }];
}
