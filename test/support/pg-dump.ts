import { Worker } from 'node:worker_threads';
import type { FreshDatabase } from './cluster.js';

const PACKAGE: string = '@electric-sql/pglite-tools/pg_dump';
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const TERMINATE = 'X'.charCodeAt(0);
const ANSWER_DEADLINE_MS = 60_000;

/** The call of the npm package's pg_dump: it asks a database by `execProtocolRawStream`, and expects the answer before that returns. */
interface RawProtocol {
  query(sql: string): Promise<{ rows: readonly Record<string, string>[] }>;
  exec(sql: string): Promise<void>;
  execProtocolRawStream(message: Uint8Array, options: { onRawData(bytes: Uint8Array): void }): void;
}

type PgDump = (options: { pg: RawProtocol; args: readonly string[] }) => Promise<File>;

/** PostgreSQL 18's own pg_dump, compiled to WebAssembly; undefined when the dev dependency is not installed. */
async function loadPgDump(): Promise<PgDump | undefined> {
  try {
    // Without the package the tests are skipped: neither the compiler nor the test runner is to look for it before.
    const { pgDump } = (await import(/* @vite-ignore */ PACKAGE)) as { pgDump: PgDump };
    return pgDump;
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Why pg_dump cannot be run, or undefined. */
export async function whyNoPgDump(): Promise<string | undefined> {
  if ((process.env['PGCASCADE_TEST_SERVERS'] ?? 'embedded') !== 'embedded') {
    return 'it logs in without a password only, as on the embedded servers';
  }
  return (await loadPgDump()) === undefined
    ? 'the dev dependency @electric-sql/pglite-tools is not installed (npm ci)'
    : undefined;
}

/** Runs `pg_dump -s args…` of PostgreSQL 18 on a database of a server 10 to 18 and returns what it writes. */
export async function pgDumpSchema(database: FreshDatabase, args: readonly string[]): Promise<string> {
  const pgDump = await loadPgDump();
  if (pgDump === undefined) throw new Error('There is no pg_dump: see whyNoPgDump.');
  const shared = new SharedArrayBuffer(8 + MAX_ANSWER_BYTES);
  const state = new Int32Array(shared, 0, 2);
  const worker = new Worker(new URL('./pg-dump-socket.mjs', import.meta.url), {
    workerData: { shared, host: '127.0.0.1', port: database.cluster.port },
  });
  try {
    const file = await pgDump({
      pg: {
        query: () => Promise.resolve({ rows: [{ search_path: '' }] }),
        exec: () => Promise.resolve(),
        execProtocolRawStream(message, { onRawData }) {
          const copy = Uint8Array.from(message);
          Atomics.store(state, 0, 0);
          worker.postMessage(copy);
          if (copy[0] === TERMINATE) return;
          if (Atomics.wait(state, 0, 0, ANSWER_DEADLINE_MS) === 'timed-out') {
            throw new Error('The server does not answer pg_dump.');
          }
          onRawData(new Uint8Array(shared, 8, state[1]).slice());
        },
      },
      args: ['-d', database.name, '-s', ...args],
    });
    return await file.text();
  } finally {
    await worker.terminate();
  }
}
