import type { Connection } from '../db/connection.js';
import type { ExitCode } from '../errors/catalogue.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { readSyncProgress } from '../replica/sync-progress.js';
import { describeParked } from '../replica/table-state.js';
import { type WaitSyncOutcome, waitSync } from '../replica/wait-sync.js';
import type { CommandContext } from './command.js';
import { createProgressDisplay } from './create-progress-display.js';

const SILENCE_MS = 30_000;

/**
 * Waits until all tables of this node are in sync, with a display of how far each copy is. Answers 0 only when they
 * all are, 2 when one is parked or there is none; throws PC306 when no worker is at work, PC314 when one is and the time is up.
 */
export async function showWaitSync(
  context: CommandContext,
  connection: Connection,
  workerName: string,
  timeoutMs: number | undefined,
): Promise<ExitCode> {
  const { config, output, signal } = context;
  const display = createProgressDisplay(output);
  let outcome: WaitSyncOutcome;
  try {
    outcome = await waitSync({
      read: () => readSyncProgress(connection, config.queueName, workerName),
      onProgress: (progress) => display.show(progress),
      timeoutMs,
      silenceMs: SILENCE_MS,
      signal,
    });
  } finally {
    display.close();
  }
  switch (outcome.kind) {
    case 'in-sync':
      output.print(
        outcome.tableCount === 1 ? 'The table is in sync.' : `All ${outcome.tableCount} tables are in sync.`,
      );
      return 0;
    case 'no-tables':
      output.print('No table is replicated on this node; "add-table" adds some.');
      return 2;
    case 'parked':
      for (const { name, state } of outcome.tables) {
        if (state.kind !== 'parked') continue;
        output.print(describeParked(name, state));
      }
      return 2;
    case 'no-worker':
      throw new ReplicateError(
        'PC306',
        `Nothing has happened for ${SILENCE_MS / 1000} s and no worker is at work; ${waitingFor(outcome.waiting)}.`,
      );
    case 'timeout':
      throw new ReplicateError(
        outcome.isWorkerSeen ? 'PC314' : 'PC306',
        `Not in sync after ${(timeoutMs ?? 0) / 1000} s; ${waitingFor(outcome.waiting)}.`,
      );
  }
}

const NAMED = 5;

function waitingFor(tables: readonly { readonly name: string }[]): string {
  const named = tables.slice(0, NAMED).map(({ name }) => name);
  const more = tables.length > NAMED ? ` and ${tables.length - NAMED} more` : '';
  return `waiting for ${named.join(', ')}${more}`;
}
