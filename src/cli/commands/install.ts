import { type InstallLog, installSchemas } from '../../install/install-schemas.js';
import { renderInstallSql } from '../../install/render-install-sql.js';
import type { CommandSpec } from '../command.js';
import { openLocal } from '../local-node.js';
import type { Output } from '../output.js';

/** `replicate INI install` */
export const command: CommandSpec = {
  name: 'install',
  summary: 'Install the schemas in the database of this node, or bring them up to this version.',
  options: [{ flags: '--print', summary: 'Print the SQL instead of running it.' }],
  async run(context, _args, options) {
    const { output } = context;
    if (options['print'] === true) {
      output.raw(renderInstallSql());
      return 0;
    }
    await using local = await openLocal(context, 'install');
    const { changed } = await installSchemas(local, { log: printedLog(output) });
    output.print(
      changed.length === 0
        ? `Nothing to do: ${local.target} is up to date.`
        : `Installed in ${local.target}: ${changed.join(', ')}.`,
    );
    return 0;
  },
};

/** What an install does, one line a step. */
function printedLog(output: Output): InstallLog {
  return {
    info(fields, message) {
      const { schema, ...more } = fields;
      const details = Object.entries(more)
        .filter(([, value]) => value !== '' && value !== 0)
        .map(([name, value]) => `${name} ${String(value)}`)
        .join(', ');
      output.print(`${String(schema)}: ${message}${details === '' ? '' : ` (${details})`}`);
    },
  };
}
