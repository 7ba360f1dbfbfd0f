import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';

/** More objects than one transaction makes: tables with a key, a check, an index and a foreign key. */
const TABLES = Array.from({ length: 60 }, (_, n) => [
  `create table public.t${n} (id int primary key, other int${n === 0 ? '' : ` references public.t${n - 1}`}, constraint positive check (other > 0));`,
  `create index t${n}_other on public.t${n} (other);`,
  `create view public.v${n} as select id from public.t${n};`,
]).flat();

const OBJECTS = `
  select (select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'i', 'v')) as relations,
         (select count(*) from pg_constraint where connamespace = 'public'::regnamespace and contype in ('p', 'c', 'f')) as constraints`;

test('create-schema that is killed in between is finished by the same command', async () => {
  await using chain = await openChain({ from: 12, to: 17 });
  await chain.root.query(TABLES.join('\n'));
  await chain.leaf.killedAt('create-schema-part', 'create-schema');
  const [partly] = await chain.leaf.query<{ relations: bigint }>(OBJECTS);
  const [all] = await chain.root.query<{ relations: bigint }>(OBJECTS);
  expect(partly?.relations).toBeGreaterThan(0n);
  expect(partly?.relations).toBeLessThan(all?.relations ?? 0n);
  await chain.leaf.must('create-schema');
  expect(await chain.leaf.query(OBJECTS)).toEqual([all]);
  expect((await chain.leaf.must('create-schema')).stdout).toMatch(/^0 made, 36\d there already, 0 not made/m);
});
