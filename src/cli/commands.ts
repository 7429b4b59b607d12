// Every command, in the order in which help lists them.

import type { Command } from './command.ts';
import { localCommands } from './local-commands.ts';
import { serverCommands } from './server-commands.ts';
import { toolCommands } from './tool-commands.ts';

export const commands: readonly Command[] = [...localCommands, ...serverCommands, ...toolCommands];
