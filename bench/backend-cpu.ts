import { readFileSync } from 'node:fs';
import type { Connection } from '../src/db/connection.js';

/** The server process of a session on this machine (Linux). */
export async function backendOf(session: Connection): Promise<number> {
  return (await session.one<{ pid: number }>('select pg_backend_pid() as pid')).pid;
}

/**
 * Milliseconds that a process has had a processor since it began. They depend less than time on the wall on what else
 * the machine does; they leave out waiting, for the disk too. Exact only while the process is idle.
 */
export function cpuMsOf(processId: number): number {
  const [nanoseconds] = readFileSync(`/proc/${processId}/schedstat`, 'utf8').split(' ');
  return Number(nanoseconds) / 1e6;
}
