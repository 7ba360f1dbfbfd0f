import { expect, test } from 'vitest';
import { copyStage, percentDone } from '../../../src/cli/copy-stage.js';
import { ProgressLines } from '../../../src/cli/progress-lines.js';
import type { SyncProgress, TableProgress } from '../../../src/replica/sync-progress.js';

const OK: TableProgress = { name: 'public.t', state: { kind: 'ok' }, copy: undefined };

function copying(phase: string, rowsDone: bigint, rowsExpected = 100n): TableProgress {
  const copy = {
    phase,
    rowsDone,
    rowsExpected,
    bytesDone: rowsDone * 1_000_000n,
    bytesExpected: 0n,
    seconds: 0,
  };
  return { name: 'public.t', state: { kind: 'waiting' }, copy };
}

function seen(table: TableProgress, workerError: string | null = null): SyncProgress {
  return { tables: [table], isWorkerSeen: true, workerError, fingerprint: '' };
}

function display() {
  const lines: string[] = [];
  let nowMs = 0;
  const output = {
    print: (line: string) => void lines.push(line),
    raw: () => {},
    isTerminal: false,
    columns: 80,
  };
  const shown = new ProgressLines(output, () => nowMs);
  return {
    lines,
    show(atMs: number, progress: SyncProgress) {
      nowMs = atMs;
      shown.show(progress);
    },
  };
}

test('a table that is in sync from the start is not mentioned', () => {
  const { lines, show } = display();
  show(0, seen(OK));
  expect(lines).toEqual([]);
});

test('a table has at most one line a second, and one at once for a new stage', () => {
  const { lines, show } = display();
  show(0, seen(copying('data', 1n)));
  show(500, seen(copying('data', 10n)));
  show(1_000, seen(copying('data', 21n)));
  show(1_100, seen(copying('indexes', 100n)));
  show(1_200, seen(OK));
  show(9_000, seen(OK));
  expect(lines).toEqual([
    'public.t  data  1/100 rows  1.0 MB',
    'public.t  data  21/100 rows  21.0 MB  20.0 MB/s',
    'public.t  indexes  100 rows  100.0 MB',
    'public.t  ok',
  ]);
});

test('a line tells how long the rows will take, or who is waited for', () => {
  const { lines, show } = display();
  const table = copying('data', 20n);
  show(0, seen({ ...table, copy: { ...(table.copy as NonNullable<typeof table.copy>), seconds: 25 } }));
  show(5_000, seen({ ...copying('waiting', 0n), blocker: 'pid 7 of alice (alter table t)' }));
  expect(lines).toEqual([
    'public.t  data  20/100 rows  20.0 MB  100 s left',
    'public.t  waiting  waits for pid 7 of alice (alter table t)',
  ]);
});

test("the worker's error is told once, and again when it is another one", () => {
  const { lines, show } = display();
  show(0, seen(OK, 'disk full'));
  show(1_000, seen(OK, 'disk full'));
  show(2_000, seen(OK));
  show(3_000, seen(OK, 'disk full'));
  expect(lines).toEqual(['worker: disk full', 'worker: disk full']);
});

test('the stage is that of the copy as long as the state does not say more', () => {
  expect(copyStage(copying('data', 1n))).toBe('data');
  expect(copyStage({ ...copying('done', 1n), state: { kind: 'copying', mergeState: 'wanna-sync:4' } })).toBe(
    'wanna-sync',
  );
  expect(copyStage({ ...OK, state: { kind: 'waiting' } })).toBe('waiting');
});

test('a bar is full only when the table is in sync', () => {
  expect(percentDone(OK)).toBe(100);
  expect(percentDone(copying('data', 1_000n))).toBeLessThan(100);
  expect(percentDone(copying('catching-up', 100n))).toBeLessThan(100);
  expect(percentDone(copying('data', 50n, 0n))).toBe(0);
});

test('many tables that come to a stage together share a line; parked ones have their own', () => {
  const { lines, show } = display();
  const named = (no: number, table: TableProgress): TableProgress => ({ ...table, name: `public.t${no}` });
  const all = (count: number, table: TableProgress) => ({
    ...seen(table),
    tables: Array.from({ length: count }, (_, i) => named(i, table)),
  });
  show(0, all(7, copying('data', 1n)));
  show(100, all(7, OK));
  expect(lines).toEqual([
    'public.t0, public.t1, public.t2 and 4 more  data',
    'public.t0, public.t1, public.t2 and 4 more  ok',
  ]);
  show(200, all(5, copying('data', 1n)));
  expect(lines).toHaveLength(2 + 5);
  const parked: TableProgress = {
    ...OK,
    state: { kind: 'parked', errorCode: 'PC401', message: 'a row is missing', isWaiting: false },
  };
  show(300, all(7, parked));
  expect(lines).toHaveLength(2 + 5 + 7);
});
