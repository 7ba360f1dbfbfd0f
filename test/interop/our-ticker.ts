import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Program } from '../../src/demo/program.js';
import type { FreshDatabase } from '../support/cluster.js';
import { startTicker } from '../support/programs.js';

/** Our `ticker` as a process that looks after one database. */
export interface OurTicker extends AsyncDisposable {
  readonly program: Program;
  /** The messages of its log that are worse than information. */
  complaints(): string[];
}

export function startOurTicker(database: FreshDatabase): OurTicker {
  const folder = mkdtempSync(join(tmpdir(), 'pgcascade-interop-'));
  const keys = {
    base_connstr: database.cluster.conninfo('').replace('dbname= ', ''),
    database_list: database.name,
    logfile: 'ticker.log',
    pidfile: 'ticker.pid',
    ticker_period: '0.05',
    maint_period: '0.1',
    retry_period: '0.1',
    check_period: '0.5',
  };
  const lines = Object.entries(keys).map(([key, value]) => `${key} = ${value}`);
  writeFileSync(join(folder, 'ticker.ini'), ['[ticker]', ...lines, ''].join('\n'));
  const program = startTicker(['ticker.ini'], { folder });
  const log = join(folder, 'ticker.log');
  return {
    program,
    complaints: () => {
      const text = existsSync(log) ? readFileSync(log, 'utf8') : '';
      return text.split('\n').filter((line) => /"level":"(warn|error|fatal)"/.test(line));
    },
    [Symbol.asyncDispose]: async () => {
      await program[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
