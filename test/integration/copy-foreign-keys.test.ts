import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];

/** Six tables, each of which refers to all others. */
const TABLES = [
  ...NAMES.map(
    (name) =>
      `create table public.${name} (id int primary key, ${NAMES.map((n) => `${n}_id int`).join(', ')});`,
  ),
  ...NAMES.flatMap((name) =>
    NAMES.filter((other) => other !== name).map(
      (other) => `alter table public.${name} add foreign key (${other}_id) references public.${other};`,
    ),
  ),
].join('\n');

const ROWS = NAMES.map((name) => `insert into public.${name} (id) select generate_series(1, 2000)`).join(
  ';\n',
);
const LINKS = NAMES.map(
  (name) => `update public.${name} set ${NAMES.map((n) => `${n}_id = id`).join(', ')}`,
).join(';\n');

test('tables that refer to each other in circles are copied in parallel, and every foreign key comes back', async () => {
  await using chain = await openChain({ from: 18, to: 18 });
  for (const node of [chain.root, chain.leaf]) await node.query(TABLES);
  await chain.root.query(`${ROWS};${LINKS}`);
  for (const node of [chain.root, chain.leaf]) await node.must('add-table', '--all');
  await chain.leaf.must('wait-sync');
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  await chain.foreignKeysBack(30);
  expect(await chain.leaf.query('select * from pgcascade.table_error')).toEqual([]);
});
