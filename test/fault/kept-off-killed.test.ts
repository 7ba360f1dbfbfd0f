import { expect, test } from 'vitest';
import { startReplicate } from '../support/programs.js';
import { openTree } from '../support/tree.js';
import { waitUntilSeen } from '../support/wait-until.js';

const TABLES = `
create table public.parent (id int primary key);
create table public.child (id int primary key, parent_id int);
create table public.audit (what text);
create function public.note() returns trigger language plpgsql as $$
begin
  insert into public.audit values (tg_op);
  return new;
end $$;`;
const SUBSCRIBER = `
alter table public.child add constraint child_parent foreign key (parent_id) references public.parent;
create trigger noted after insert on public.child for each row execute procedure public.note();`;

test('a worker without the right to set session_replication_role that is killed while it takes off and puts back loses nothing', async () => {
  await using tree = await openTree({
    nodes: { root: { major: 15 }, leaf: { major: 14, provider: 'root', role: 'plain' } },
  });
  const [root, leaf] = [tree.node('root'), tree.node('leaf')];
  await root.query(`${TABLES} insert into public.child select g, g from generate_series(1, 10) g`);
  await leaf.query(`set role plain; ${TABLES} reset role`);
  for (const node of [root, leaf]) await node.prepare('add-table', 'public.parent', 'public.child');
  await leaf.prepare('wait-sync');
  await leaf.stopWorker();
  await leaf.query(
    `set role plain; ${SUBSCRIBER.replace('public.parent;', 'public.parent not valid;')} reset role`,
  );
  const look = async () =>
    leaf.query<{ enabled: string; key: bigint; remembered: bigint; saved: bigint }>(`
      select (select tgenabled::text from pg_trigger where tgname = 'noted') as enabled,
             (select count(*) from pg_constraint where conname = 'child_parent') as key,
             (select count(*) from pgcascade.taken_off) as remembered,
             (select count(*) from londiste.pending_fkeys) as saved`);
  const dies = async (failpoint: string) => {
    const doomed = startReplicate([leaf.ini, 'worker'], {
      folder: tree.folder,
      environment: { PGCASCADE_FAILPOINTS: `${failpoint}=exit` },
    });
    expect((await doomed.ended).signal).toBe('SIGKILL');
  };

  await root.query('insert into public.child values (11, 11)');
  await dies('take-off-triggers');
  expect(await look()).toEqual([{ enabled: 'O', key: 1n, remembered: 0n, saved: 0n }]);
  await dies('take-off-key');
  expect(await look()).toEqual([{ enabled: 'D', key: 1n, remembered: 1n, saved: 0n }]);
  leaf.startWorker();
  await tree.caughtUp(root, [leaf]);
  expect(await look()).toEqual([{ enabled: 'D', key: 0n, remembered: 1n, saved: 1n }]);
  expect(await leaf.query('select id from public.child where id = 11')).toEqual([{ id: 11 }]);
  expect(await leaf.query('select * from public.audit')).toEqual([]);

  await leaf.stopWorker();
  await leaf.query('alter role plain superuser');
  try {
    await dies('put-back-triggers');
    expect(await look()).toEqual([{ enabled: 'D', key: 0n, remembered: 1n, saved: 1n }]);
    leaf.startWorker();
    await waitUntilSeen(
      'trigger and key are back',
      look,
      ([seen]) => seen?.enabled === 'O' && seen.key === 1n && seen.remembered + seen.saved === 0n,
    );
  } finally {
    await leaf.query('alter role plain nosuperuser');
  }

  // A node that is dropped: the same command goes on.
  await leaf.stopWorker();
  leaf.startWorker();
  await waitUntilSeen('they are off again', look, ([seen]) => seen?.remembered === 1n && seen.saved === 1n);
  await root.killedAt('drop-dropped', 'drop-node', 'leaf');
  expect(await look()).toEqual([{ enabled: 'D', key: 0n, remembered: 1n, saved: 1n }]);
  await root.must('drop-node', 'leaf');
  expect(await look()).toEqual([{ enabled: 'O', key: 1n, remembered: 0n, saved: 0n }]);
});
