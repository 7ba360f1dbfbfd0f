import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DemoDaemons } from '../../src/demo/demo-daemons.js';
import { replicate, ticker } from './programs.js';

const LONGEST_COMMAND_MS = 30_000;
export const PIDFILES = ['ticker.pid', 'master.pid', 'slave.pid'];

/** A folder with the ini files of a Londiste howto, and a shell that stands in it. Use `openHowto`. */
export class Howto implements AsyncDisposable {
  readonly folder: string;
  readonly daemons: DemoDaemons;

  constructor(folder: string) {
    this.folder = folder;
    this.daemons = new DemoDaemons(folder);
  }

  /** Types a command; it must end with exit code 0. Returns what it printed; a failure shows the ends of the logs too. */
  async type(program: 'ticker' | 'replicate', ...words: string[]): Promise<string> {
    const run = program === 'ticker' ? ticker : replicate;
    const outcome = await run(words, { folder: this.folder, timeoutMs: LONGEST_COMMAND_MS });
    if (outcome.exitCode === 0) return outcome.stdout;
    const logs = ['ticker.log', 'master_worker.log', 'slave.log'].map(
      (name) => `${name}:\n${this.daemons.lastLines(name, 8).join('\n')}`,
    );
    const ended = outcome.exitCode ?? outcome.signal;
    throw new Error(
      `"${program} ${words.join(' ')}" ended with ${ended}:\n${outcome.stdout}${outcome.stderr}\n${logs.join('\n')}`,
    );
  }

  /** The sections and connect strings differ from run to run: all forms that people have must do. */
  async writeFiles(old: HowtoDatabase, fresh: HowtoDatabase, sections: Sections): Promise<void> {
    const base = old.conninfo.replace(`dbname=${old.name} `, '');
    const files = {
      'ticker.ini': `[${sections.ticker}]
base_connstr = ${base}
database_list = ${old.name}
logfile = %(job_name)s.log
pidfile = ticker.pid
check_period = 0.2
ticker_period = 0.1
job_name = ticker
`,
      'master.ini': `[${sections.worker}]
job_name = master_worker
db = ${old.conninfo}
queue_name = howto
logfile = %(job_name)s.log
pidfile = master.pid
loop_delay = 0.2
`,
      'slave.ini': `[${sections.worker}]
db = ${fresh.url}
queue_name = howto
logfile = slave.log
pidfile = slave.pid
loop_delay = 0.2
parallel_copies = 4
`,
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(this.folder, name), text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.daemons.killAll(PIDFILES);
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** What the ini files say of a database. */
export interface HowtoDatabase {
  readonly name: string;
  readonly conninfo: string;
  readonly url: string;
}

export interface Sections {
  readonly ticker: 'ticker' | 'pgqd';
  readonly worker: 'replicate' | 'londiste' | 'londiste3';
}

/** An empty folder for the ini files; disposing ends the daemons and removes it. */
export async function openHowto(): Promise<Howto> {
  return new Howto(await mkdtemp(join(tmpdir(), 'pgcascade-howto-')));
}
