import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the demo's two databases are. */
export interface DemoServers {
  readonly oldPort: number;
  readonly newPort: number;
}

export const DEMO_DATABASE = 'shop';

/** The connect string of the demo's database on one of the servers. */
export function demoConninfo(port: number): string {
  return `host=127.0.0.1 port=${port} dbname=${DEMO_DATABASE} user=postgres`;
}

/** The ini files as a person would write them; the periods are short so that the demo does not wait. */
export function demoFiles({ oldPort, newPort }: DemoServers): Readonly<Record<string, string>> {
  return {
    'ticker.ini': `[ticker]
base_connstr = host=127.0.0.1 port=${oldPort} user=postgres
database_list = ${DEMO_DATABASE}
logfile = ticker.log
pidfile = ticker.pid
check_period = 0.5
ticker_period = 0.2
`,
    'master.ini': workerFile('master', oldPort),
    'slave.ini': workerFile('slave', newPort),
  };
}

function workerFile(name: string, port: number): string {
  return `[replicate]
job_name = ${name}_worker
db = ${demoConninfo(port)}
queue_name = shop
logfile = ${name}.log
pidfile = ${name}.pid
loop_delay = 0.2
parallel_copies = 4
`;
}

/** Writes the ini files into the folder. */
export async function writeDemoFiles(folder: string, servers: DemoServers): Promise<void> {
  for (const [name, text] of Object.entries(demoFiles(servers))) await writeFile(join(folder, name), text);
}
