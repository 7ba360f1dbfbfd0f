import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { BANK_ROWS, BANK_TABLES, BankClient, bankViolations } from '../support/bank.js';
import { type Chain, openChain } from '../support/chain.js';
import { seededRandom } from '../support/random.js';

const SECONDS = Number(process.env['FAULT_SECONDS'] ?? 15);
const SEED = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000);

type Victim = 'ticker' | 'root worker' | 'leaf worker' | 'root server' | 'leaf server';

const VICTIMS: readonly Victim[] = [
  'ticker',
  'root worker',
  'leaf worker',
  'leaf worker',
  'leaf worker',
  'root server',
  'leaf server',
];

async function kill(chain: Chain, victim: Victim): Promise<void> {
  switch (victim) {
    case 'ticker':
      chain.root.ticker?.signal('SIGKILL');
      await chain.root.ticker?.ended;
      return;
    case 'root worker':
      return chain.root.killWorker();
    case 'leaf worker':
      return chain.leaf.killWorker();
    case 'root server':
      await chain.root.cluster.kill();
      return chain.root.cluster.restart();
    case 'leaf server':
      await chain.leaf.cluster.kill();
      return chain.leaf.cluster.restart();
  }
}

/** What a supervisor such as systemd does: starts what has ended. */
function startWhatEnded(chain: Chain): void {
  if (chain.root.ticker?.isRunning !== true) chain.root.startTicker();
  if (chain.root.worker?.isRunning !== true) chain.root.startWorker();
  if (chain.leaf.worker?.isRunning !== true) chain.leaf.startWorker();
}

test(
  `ticker, workers and servers killed at random for ${SECONDS} s under load lose and double nothing (seed ${SEED})`,
  async () => {
    await using chain = await openChain({
      from: 13,
      to: 18,
      tables: BANK_TABLES,
      rows: BANK_ROWS,
      ownServers: true,
    });
    const random = seededRandom(SEED);
    const clients = [1n, 2n].map(
      (no) =>
        new BankClient(
          chain.root.cluster,
          chain.root.database.name,
          seededRandom(SEED + Number(no)),
          no << 40n,
        ),
    );
    const kills: Victim[] = [];
    const violations: string[] = [];
    const deadline = performance.now() + SECONDS * 1_000;
    while (performance.now() < deadline) {
      await sleep(100 + random() * 900);
      const victim = VICTIMS[Math.floor(random() * VICTIMS.length)] as Victim;
      kills.push(victim);
      await kill(chain, victim);
      startWhatEnded(chain);
      await using reader = await chain.leaf.connect();
      violations.push(...(await bankViolations(reader)));
    }
    await Promise.all(clients.map((client) => client.stop()));
    await keepRunning(chain, () => chain.caughtUp(120_000));

    expect(violations).toEqual([]);
    expect(await chain.differences()).toEqual([]);
    const marks = new Set(
      (await chain.leaf.query<{ mark: bigint }>('select mark from public.ledger')).map((row) => row.mark),
    );
    const acknowledged = clients.flatMap((client) => client.acknowledged);
    expect(acknowledged.filter((mark) => !marks.has(mark))).toEqual([]);
    expect(acknowledged.length).toBeGreaterThan(0);
    const parked = await chain.leaf.query('select * from pgcascade.table_error');
    expect(parked).toEqual([]);
    process.stdout.write(
      `${kills.length} kills in ${SECONDS} s, ${acknowledged.length} acknowledged transactions, seed ${SEED}\n`,
    );
  },
  SECONDS * 1_000 + 240_000,
);

/** Starts what ends while `body` waits: a worker that cannot connect at its start gives up. */
async function keepRunning(chain: Chain, body: () => Promise<void>): Promise<void> {
  const timer = setInterval(() => startWhatEnded(chain), 500);
  try {
    await body();
  } finally {
    clearInterval(timer);
  }
}
