import { type Command, Option } from 'commander';
import { nearestHint } from '../config/nearest-name.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { ArgumentSpec, CommandSpec } from './command.js';
import { loadCommand, loadCommands, VERBS } from './commands.js';
import {
  addCommonOptions,
  COMMON_PLAIN_OPTIONS,
  COMMON_VALUE_OPTIONS,
  newCommandLine,
} from './common-options.js';
import type { Output } from './output.js';
import { type SplitWords, splitWords } from './split-words.js';

const PROGRAM = 'replicate';

/** The command line of one verb, without the ini file and the verb itself. */
export function verbCommandLine(spec: CommandSpec, output: Output): Command {
  const command = newCommandLine(`${PROGRAM} INI ${spec.name}`, output).description(spec.summary);
  for (const argument of spec.arguments ?? []) command.argument(argumentUsage(argument), argument.summary);
  for (const option of spec.options ?? []) {
    const declared = new Option(option.flags, option.summary).default(option.default);
    if (option.isRepeatable === true) {
      declared.argParser((word: string, words: readonly string[] | undefined) => [...(words ?? []), word]);
    }
    command.addOption(declared);
  }
  return addCommonOptions(PROGRAM, command);
}

/** The command line without a verb: -s, -k, -r, --ini. */
export function bareCommandLine(output: Output): Command {
  return addCommonOptions(
    PROGRAM,
    newCommandLine(PROGRAM, output).usage('INI COMMAND [options] [arguments]'),
  );
}

/** The help for the command that the words name, or for all of them. */
export async function helpFor({ ini, verb }: SplitWords, output: Output): Promise<string> {
  const name = [verb, ini].find((word) => word !== undefined && VERBS.includes(word));
  return name === undefined
    ? generalHelp(output)
    : verbCommandLine(await loadCommand(name), output).helpInformation();
}

async function generalHelp(output: Output): Promise<string> {
  const command = bareCommandLine(output)
    .description('Replicates the tables of a PostgreSQL database to other servers.')
    .addHelpText('after', `\n"${PROGRAM} INI COMMAND --help" tells more about a command.`)
    .helpCommand(false);
  for (const spec of await loadCommands()) {
    const verb = newCommandLine(spec.name, output).summary(spec.summary);
    verb.usage((spec.arguments ?? []).map(argumentUsage).join(' '));
    command.addCommand(verb);
  }
  return command.helpInformation();
}

/** Takes the command line apart. Loads all commands only when it takes their options to tell words apart. */
export async function splitReplicateWords(words: readonly string[]): Promise<SplitWords> {
  const common = splitWords(words, new Set(COMMON_VALUE_OPTIONS), new Set(COMMON_PLAIN_OPTIONS));
  if (!common.isUncertain) return common;
  const flags = (await loadCommands()).flatMap((spec) => spec.options ?? []).map((option) => option.flags);
  const takesValue = flags.filter((text) => text.includes('<')).map(longFlag);
  return splitWords(words, new Set([...COMMON_VALUE_OPTIONS, ...takesValue]), new Set(COMMON_PLAIN_OPTIONS));
}

/** The command that the words name; undefined when they name none. Throws PC100 when there is no such command. */
export async function namedCommand({ ini, verb }: SplitWords): Promise<CommandSpec | undefined> {
  if (verb !== undefined && VERBS.includes(verb)) return loadCommand(verb);
  if (ini !== undefined && VERBS.includes(ini)) {
    throw new ReplicateError('PC100', `The ini file stands before the command: ${PROGRAM} INI ${ini}.`);
  }
  if (verb === undefined) return undefined;
  throw new ReplicateError('PC100', `Unknown command "${verb}"${nearestHint(verb, VERBS)}`, {
    command: verb,
  });
}

function argumentUsage(argument: ArgumentSpec): string {
  const name = argument.variadic ? `${argument.name}...` : argument.name;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function longFlag(flags: string): string {
  return /--[\w-]+/.exec(flags)?.[0] ?? flags;
}
