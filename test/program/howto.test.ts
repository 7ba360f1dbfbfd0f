import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DemoDaemons } from '../../src/demo/demo-daemons.js';
import { awkwardTables } from '../support/awkward-tables.js';
import { type FreshDatabase, freshDatabase } from '../support/cluster.js';
import { findDifferences } from '../support/differences.js';
import { replicate, ticker } from '../support/programs.js';
import { waitUntilSeen } from '../support/wait-until.js';

const LONGEST_COMMAND_MS = 30_000;
const PIDFILES = ['ticker.pid', 'master.pid', 'slave.pid'];

/** A folder with the ini files of a Londiste howto, and a shell that stands in it. */
class Howto implements AsyncDisposable {
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
  async writeFiles(old: FreshDatabase, fresh: FreshDatabase, sections: Sections): Promise<void> {
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

interface Sections {
  readonly ticker: 'ticker' | 'pgqd';
  readonly worker: 'replicate' | 'londiste' | 'londiste3';
}

const RUNS: readonly { from: number; to: number; sections: Sections }[] = [
  { from: 10, to: 18, sections: { ticker: 'pgqd', worker: 'londiste3' } },
  { from: 13, to: 18, sections: { ticker: 'ticker', worker: 'replicate' } },
  { from: 18, to: 18, sections: { ticker: 'pgqd', worker: 'londiste' } },
  { from: 18, to: 10, sections: { ticker: 'ticker', worker: 'replicate' } },
];

for (const { from, to, sections } of RUNS) {
  test(`the howto moves awkward tables from PostgreSQL ${from} to ${to}`, async () => {
    const tables = awkwardTables(Math.min(from, to));
    await using old = await freshDatabase(from, 'old');
    await using fresh = await freshDatabase(to, 'new');
    await using howto = new Howto(await mkdtemp(join(tmpdir(), 'pgcascade-howto-')));
    await howto.writeFiles(old, fresh, sections);
    await old.query(tables.schema);
    await old.query(tables.rows);
    await fresh.query(tables.schema);

    await howto.type('ticker', '-d', 'ticker.ini');
    await howto.type('replicate', 'master.ini', 'create-root', 'master', old.conninfo);
    await howto.type('replicate', '-d', 'master.ini', 'worker');
    await howto.type(
      'replicate',
      'slave.ini',
      'create-leaf',
      'slave',
      fresh.conninfo,
      `--provider=${old.conninfo}`,
    );
    await howto.type('replicate', 'slave.ini', 'worker', '-d');
    const pids = PIDFILES.map((pidfile) => howto.daemons.add(pidfile));
    for (const ini of ['master.ini', 'slave.ini']) {
      await howto.type('replicate', ini, 'add-table', '--all');
      await howto.type('replicate', ini, 'add-seq', '--all');
    }
    await howto.type('replicate', 'slave.ini', 'wait-sync');
    expect(await howto.type('replicate', 'slave.ini', 'status')).toMatch(/master[\s\S]*slave/);
    expect(await howto.type('replicate', 'slave.ini', 'missing')).toContain('Nothing is missing');
    await howto.type('replicate', 'slave.ini', 'compare');

    for (const statement of tables.load) await old.query(statement);
    await howto.type('replicate', 'slave.ini', 'wait-root');
    await howto.type('replicate', 'slave.ini', 'compare');
    await using left = await old.connect();
    await using right = await fresh.connect();
    expect(await findDifferences(left, right)).toEqual([]);
    for (const sequence of ['public.counter', '"Odd Schema"."Counter"']) {
      const [seen] = await old.query<{ value: bigint }>(`select last_value as value from ${sequence}`);
      await waitUntilSeen(
        `${sequence} on the leaf is not behind`,
        async () =>
          (await fresh.query<{ value: bigint }>(`select last_value as value from ${sequence}`))[0]?.value ??
          0n,
        (value) => value >= (seen?.value ?? 0n),
      );
    }
    await expect(fresh.query("insert into serial_key (t) values ('not from the root')")).rejects.toThrow();

    await howto.type('replicate', 'slave.ini', '-s', 'worker');
    await howto.type('replicate', '-s', 'master.ini', 'worker');
    await howto.type('ticker', 'ticker.ini', '-s');
    for (const processId of pids) expect(await howto.daemons.hasEnded(processId, 10_000)).toBe(true);
  });
}
