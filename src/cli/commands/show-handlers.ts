import { COMMON_ARGUMENTS } from '../../handlers/common-arguments.js';
import type { HandlerArgument, HandlerSpec } from '../../handlers/contract.js';
import { findHandler, HANDLERS } from '../../handlers/registry.js';
import type { CommandSpec } from '../command.js';
import type { Output } from '../output.js';

/** `replicate INI show-handlers [NAME…]` */
export const command: CommandSpec = {
  name: 'show-handlers',
  summary: 'List the ways in which a table can be replicated, with their arguments and an example of each.',
  arguments: [{ name: 'handlers', variadic: true, summary: 'Their names; by default all.' }],
  async run({ output }, args) {
    const specs = args.length === 0 ? HANDLERS : args.map(findHandler);
    for (const spec of specs) show(output, spec);
    output.print('Arguments of every handler:');
    for (const argument of COMMON_ARGUMENTS) output.print(argumentLine(argument));
    return 0;
  },
};

function show(output: Output, spec: HandlerSpec): void {
  const aliases = spec.aliases === undefined ? '' : ` (also called ${spec.aliases.join(', ')})`;
  output.print(`${spec.name}${aliases}`);
  output.print(`    ${spec.summary}`);
  for (const argument of spec.arguments) output.print(argumentLine(argument));
  output.print(`    example: ${spec.example}`);
  output.print('');
}

function argumentLine({ name, summary, isRequired }: HandlerArgument): string {
  return `    ${name}${isRequired === true ? ' (required)' : ''}: ${summary}`;
}
