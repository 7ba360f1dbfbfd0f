import { expect, test } from 'vitest';
import type { TestNode } from '../support/test-node.js';
import { openTree } from '../support/tree.js';
import { waitUntilSeen } from '../support/wait-until.js';

test('a root whose role may not set session_replication_role is resurrected as a branch, and takes its place again', async () => {
  await using tree = await openTree({
    nodes: {
      root: { major: 14, isBranch: true, role: 'plain' },
      branch: { major: 18, provider: 'root', isBranch: true, role: 'plain' },
    },
    tables: `create table public.p (id int primary key); create table public.c (id int primary key, p_id int references public.p);
      create table public.audit (id serial primary key, what text); create function public.note() returns trigger language plpgsql as $$ begin insert into public.audit (what) values (tg_op); return new; end $$;
      create trigger noted after insert or update or delete on public.c for each row execute procedure public.note()`,
    rows: 'insert into public.p select generate_series(1, 10); insert into public.c select g, g from generate_series(1, 10) g',
  });
  const [root, branch] = [tree.node('root'), tree.node('branch')];
  await tree.caughtUp(root, [branch]);
  expect(await tree.differences(root, branch)).toEqual([]);
  const counts = async (node: TestNode) =>
    (await node.query('select count(*)::int as n from public.audit'))[0]?.['n'];
  expect(await counts(branch)).toBe(await counts(root));
  await branch.stopWorker();
  await root.query(
    'insert into public.p values (50); insert into public.c values (50, 50); delete from public.c where id = 3; update public.c set p_id = 1 where id = 4',
  );
  await root.stopPrograms();
  const away =
    "update pgq_node.node_location set node_location = 'host=127.0.0.1 port=1 dbname=x' where node_name = 'root'";
  await branch.query(away);
  branch.startWorker();
  await branch.must('takeover', 'root', '--dead-root');
  await expect(branch.query('insert into public.c values (77, 77)')).rejects.toThrow('c_p_id_fkey');
  await branch.query('insert into public.c values (60, 6)');
  await branch.query(
    `update pgq_node.node_location set node_location = '${root.database.conninfo}' where node_name = 'root'`,
  );
  // Who reads here comes before it, and loses no deadlock.
  await using reader = await root.application();
  await reader.execute('begin; select * from public.p');
  const resurrecting = root.must('resurrect');
  await waitUntilSeen(
    'the command waits for the reader',
    () =>
      root.query(
        "select from pg_locks where not granted and relation = 'public.p'::regclass and mode = 'AccessExclusiveLock'",
      ),
    (seen) => seen.length > 0,
  );
  await reader.execute('select * from public.c; commit');
  await resurrecting;
  root.startWorker();
  root.startTicker();
  await tree.caughtUp(branch, [root]);
  expect(await tree.differences(root, branch)).toEqual([]);
  expect(await root.query('select count(*) as n from pgcascade.taken_off')).toEqual([{ n: 1n }]);
  await root.must('takeover', 'branch');
  await expect(root.query('insert into public.c values (78, 77)')).rejects.toThrow('c_p_id_fkey');
  await root.query('insert into public.c values (61, 6)');
  await tree.caughtUp(root, [branch]);
  expect(await tree.differences(root, branch)).toEqual([]);
});
