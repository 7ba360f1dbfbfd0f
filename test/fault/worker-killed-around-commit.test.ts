import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';
import { startReplicate } from '../support/programs.js';

const TABLES = `create table public.counted (id bigint generated always as identity primary key, v text);
  create table public.log (v text);`;

test.each([
  ['after the commit on the subscriber, before finish_batch', 'worker-after-commit'],
  ['before the commit on the subscriber', 'worker-before-commit'],
  ['between two blocks of a batch', 'worker-block-applied'],
])('a worker that is killed %s applies the batch once', async (_when, failpoint) => {
  await using chain = await openChain({ from: 18, to: 18, tables: TABLES });
  await chain.leaf.stopWorker();
  const doomed = startReplicate([chain.leaf.ini, 'worker'], {
    folder: chain.folder,
    environment: { PGCASCADE_FAILPOINTS: `${failpoint}=exit` },
  });
  await chain.root.query(
    `insert into public.counted (v) select 'row ' || g from generate_series(1, 5000) as g;
     insert into public.log select 'same' from generate_series(1, 5000)`,
  );
  await chain.root.query("select pgq.force_tick('app')");
  expect((await doomed.ended).signal).toBe('SIGKILL');

  chain.leaf.startWorker();
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  const [counts] = await chain.leaf.query(
    'select (select count(*) from public.counted) as counted, (select count(*) from public.log) as log',
  );
  expect(counts).toEqual({ counted: 5000n, log: 5000n });
});
