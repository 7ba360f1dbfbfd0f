import { expect, test } from 'vitest';
import { installSchemas } from '../../../src/install/install-schemas.js';
import { freshDatabase } from '../../support/cluster.js';

test.each([10, 18])(
  'a name means the same relation with any guess, whatever the caller has set, on %i',
  async (major) => {
    await using database = await freshDatabase(major, 'named');
    await using admin = await database.connect();
    await installSchemas(admin);
    await admin.execute(`
    create schema "Odd schema"; create schema other; create schema plai; create table plai.plain ();
    create table public.plain (); create table other.plain (); create table public."with.dot" (); create table public."a ""b" ();
    create table "Odd schema"."select" (); create table other.gone ()`);
    const relations = await admin.query<{ oid: number }>(
      "select c.oid from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where n.nspname in ('public', 'other', 'Odd schema', 'plai')",
    );
    expect(relations).toHaveLength(7);
    await admin.execute('drop table other.gone; alter table other.plain rename to renamed');
    const names = [
      'public.plain',
      'other.plain',
      'other.renamed',
      'public.with.dot',
      'public.a "b',
      'Odd schema.select',
      'other.gone',
      'none.at all',
      'plain',
      '',
    ];
    for (const path of ['pg_catalog, pg_temp', 'other, public']) {
      await admin.query("select set_config('search_path', $1, false)", [path]);
      const wrong = await admin.query(
        `select n.name, g.guess
         from unnest($1::text[]) as n(name) cross join unnest($2::oid[]) as g(guess)
        where pgcascade.relation_named(n.name, g.guess) is distinct from to_regclass(nullif(pgq.quote_fqname(n.name), ''))::oid`,
        [names, [...relations.map(({ oid }) => oid), 0]],
      );
      expect(wrong).toEqual([]);
    }
    await admin.query("select set_config('search_path', 'pg_catalog, pg_temp', false)");
    const found = await admin.query(
      `select n.name from unnest($1::text[]) as n(name) where pgcascade.relation_named(n.name, 0) is not null order by 1`,
      [names],
    );
    expect(found.map(({ name }) => name)).toEqual([
      'Odd schema.select',
      'other.renamed',
      'plain',
      'public.a "b',
      'public.plain',
      'public.with.dot',
    ]);
  },
);
