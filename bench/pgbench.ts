import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { STOCK_PROGRAMS } from '../test/support/stock-server.js';

export interface PgbenchOptions {
  readonly port: number;
  readonly database: string;
  readonly words: readonly string[];
  /** Server settings of its sessions. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
}

export interface PgbenchResult {
  readonly tps: number;
  readonly transactions: number;
}

/** Runs pgbench to its end. Throws when it fails, when a transaction failed, or at the deadline. */
export async function runPgbench(options: PgbenchOptions): Promise<PgbenchResult> {
  const output = await pgbenchOutput(options);
  const failed = /number of failed transactions: (\d+)/.exec(output)?.[1] ?? '0';
  const transactions = Number(/number of transactions actually processed: (\d+)/.exec(output)?.[1]);
  const tps = Number(/tps = ([\d.]+)/.exec(output)?.[1]);
  if (failed !== '0' || !(transactions > 0) || !(tps > 0)) throw new Error(`pgbench failed:\n${output}`);
  return { tps, transactions };
}

/** Makes the tables of TPC-B with their rows. */
export async function initialisePgbench(target: Omit<PgbenchOptions, 'words'>, scale: number): Promise<void> {
  await pgbenchOutput({ ...target, words: ['-i', '-q', '-s', String(scale)] });
}

async function pgbenchOutput(options: PgbenchOptions): Promise<string> {
  const { port, database, words, settings = {}, deadlineMs } = options;
  const child = spawn(
    `${STOCK_PROGRAMS}/bin/pgbench`,
    ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', ...words, database],
    {
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', PGOPTIONS: serverOptions(settings) },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: deadlineMs,
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (code !== 0) throw new Error(`pgbench ended with ${code ?? signal}:\n${output}`);
  return output;
}

function serverOptions(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
}
