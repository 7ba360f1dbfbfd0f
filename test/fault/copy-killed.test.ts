import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';
import { startReplicate } from '../support/programs.js';

const TABLES = `create table public.copied (id int primary key, v text);
  create index copied_v on public.copied (v);
  create table public.child (id int primary key, copied_id int references public.copied);`;
const ROWS = `insert into public.copied select g, 'row ' || g from generate_series(1, 20000) as g;
  insert into public.child select g, g from generate_series(1, 5000) as g`;

test.each(['copy-snapshot-taken', 'copy-data-written', 'copy-committed'])(
  'a copy whose worker is killed at %s ends complete, with its indexes and foreign keys',
  async (failpoint) => {
    await using chain = await openChain({ from: 13, to: 18 });
    for (const node of [chain.root, chain.leaf]) await node.query(TABLES);
    await chain.root.query(`${ROWS}; analyze`);
    await chain.leaf.stopWorker();
    for (const node of [chain.root, chain.leaf]) await node.must('add-table', '--all');
    const doomed = startReplicate([chain.leaf.ini, 'worker'], {
      folder: chain.folder,
      environment: { PGCASCADE_FAILPOINTS: `${failpoint}=exit` },
    });
    expect((await doomed.ended).signal).toBe('SIGKILL');
    await chain.root.query(
      `update public.copied set v = v || '!' where id % 10 = 0; delete from public.child where id < 100`,
    );

    chain.leaf.startWorker();
    await chain.leaf.must('wait-sync');
    await chain.caughtUp();
    expect(await chain.differences()).toEqual([]);
    const indexes = () =>
      chain.leaf.query(`select indexdef from pg_indexes where tablename = 'copied' order by indexname`);
    const expected = await chain.root.query(
      `select indexdef from pg_indexes where tablename = 'copied' order by indexname`,
    );
    expect(await indexes()).toEqual(expected);
    await chain.foreignKeysBack(1);
    const consumers = await chain.root.query(
      `select consumer_name from pgq.get_consumer_info('app') where consumer_name like '%.copy.%'`,
    );
    expect(consumers).toEqual([]);
  },
);
