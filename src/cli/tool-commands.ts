// The commands for whoever writes a receiver, a container or a shell's start: they need no server.

import type { Command } from './command.ts';
import type { Shell } from './completion.ts';
import type { ListenOptions } from './listen.ts';
import { headerOption, jsonOption, secretOptions } from './options.ts';
import type { SignOptions } from './sign.ts';
import type { VerifyOptions } from './verify.ts';

export const toolCommands: readonly Command[] = [
  {
    name: 'listen',
    does: 'receive webhooks on this machine, verify and print them',
    options: [
      { flags: '--port <port>', does: 'where to listen; 0 takes a free one', isNeeded: true },
      { flags: '--host <address>', does: 'the address to listen on instead of 127.0.0.1; 0.0.0.0 in a container' },
      ...secretOptions,
      { flags: '--fail <status:share>', does: 'answer with this status, a part of the time' },
      { flags: '--forward <url>', does: 'hand each verified one on, and answer as that does' },
      jsonOption,
    ],
    examples: [
      ['tidings listen --port 9000 --secret-file crm.txt', 'answer 204 to what is signed right'],
      ['tidings listen --port 9000 --secret s --fail 503:0.2', 'see retries'],
      ['tidings listen --port 9000 --forward http://127.0.0.1:3000/hooks', 'the secret is in TIDINGS_SECRET'],
    ],
    async run(_given, options: ListenOptions, surroundings) {
      const { listen } = await import('./listen.ts');
      await listen(options, surroundings);
    },
  },
  {
    name: 'sign',
    does: 'print the signature headers of the body on stdin',
    options: [...secretOptions, headerOption, jsonOption],
    more: 'A given webhook-id or webhook-timestamp is taken; else they are made.',
    examples: [
      ['tidings sign --secret-file crm.txt < body.json', 'one header a line'],
      ["tidings sign --secret s --header 'webhook-id: 1' --json < body.json", 'an object of the headers'],
    ],
    async run(_given, options: SignOptions, surroundings) {
      const { sign } = await import('./sign.ts');
      await sign(options, surroundings);
    },
  },
  {
    name: 'verify',
    does: 'say whether the body on stdin was signed with the secret',
    options: [...secretOptions, headerOption, jsonOption],
    more: 'Exit status 0 when it was, 1 when it was not.',
    examples: [
      [
        "tidings verify --secret s --header 'webhook-id: …' \\\n    --header 'webhook-timestamp: …' --header 'webhook-signature: v1,…' < body",
        'with the headers of the request',
      ],
    ],
    async run(_given, options: VerifyOptions, surroundings) {
      const { verify } = await import('./verify.ts');
      return await verify(options, surroundings);
    },
  },
  {
    name: 'healthcheck',
    takes: '[url]',
    does: 'say whether a service answers (without a URL: at HOST and PORT), for containers',
    options: [jsonOption],
    examples: [
      ['tidings healthcheck', 'in the container of the service'],
      ['tidings healthcheck http://10.0.0.7:4000/readyz', 'also whether it is ready'],
    ],
    async run([url], options: { json?: boolean }) {
      const { healthcheck } = await import('./healthcheck.ts');
      await healthcheck(url, options);
    },
  },
  {
    name: 'completion',
    takes: '<shell>',
    does: 'print a script by which bash, zsh or fish completes commands and options',
    examples: [
      ['source <(tidings completion bash)', 'in ~/.bashrc; for zsh in ~/.zshrc'],
      ['tidings completion fish | source', 'in ~/.config/fish/config.fish'],
    ],
    async run([shell], _options, { refuse, commands }) {
      const { completion, shells } = await import('./completion.ts');
      if (!shells.includes(shell as Shell)) refuse(`error: give one of ${shells.join(', ')}`);
      completion(shell as Shell, commands);
    },
  },
];
