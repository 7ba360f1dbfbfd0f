import type { Connection } from '../../../src/db/connection.js';
import {
  ACCOUNTS,
  BULK_ROWS,
  MOVED_ROWS,
  PARCEL_WEIGHT,
  PARCELS,
  WORKLOAD_TABLES,
  type WorkloadTable,
} from './workload-tables.js';

/** What holds in every committed state of the root, so in every state that a node shows. The query tells what is wrong, one text a row. */
interface Invariant {
  readonly tables: readonly WorkloadTable[];
  readonly query: string;
}

const INVARIANTS: readonly Invariant[] = [
  {
    tables: ['account'],
    query: `select count(*) || ' accounts hold ' || sum(balance) from public.account
      having count(*) <> ${ACCOUNTS} or sum(balance) <> ${ACCOUNTS * 100}`,
  },
  {
    // A client's transactions are there up to some point: each names the acknowledged one before it.
    tables: ['ledger'],
    query: `select 'transaction ' || l.mark || ' is there and ' || l.previous || ' before it is not' from public.ledger as l
      where l.previous is not null and not exists (select from public.ledger as p where p.mark = l.previous)`,
  },
  {
    tables: ['purchase', 'purchase_line'],
    query: `select 'purchase ' || p.id || ' says ' || p.line_count || ' lines and has ' || count(l.line)
       from public.purchase as p left join public.purchase_line as l on l.purchase_id = p.id
      group by p.id, p.line_count having count(l.line) <> p.line_count
      union all
      select 'line ' || l.line || ' of no purchase ' || l.purchase_id from public.purchase_line as l
       where not exists (select from public.purchase as p where p.id = l.purchase_id)`,
  },
  {
    // An append-only list: its items are 1 to its length, each as it was written.
    tables: ['list_head', 'list_item'],
    query: `select 'list ' || h.key || ' says ' || h.length || ' items and has ' || count(i.n) || ' up to ' || coalesce(max(i.n), 0)
       from public.list_head as h left join public.list_item as i on i.key = h.key
      group by h.key, h.length having count(i.n) <> h.length or coalesce(max(i.n), 0) <> h.length
      union all
      select 'item ' || key || '/' || n || ' has another value' from public.list_item where v <> md5(key || ':' || n)`,
  },
  {
    // Written by the same transactions.
    tables: ['ledger', 'list_item'],
    query: `select 'the ledger says ' || l.appended || ' items and there are ' || i.count
       from (select coalesce(sum(appended), 0) as appended from public.ledger) as l,
            (select count(*) as count from public.list_item) as i
      where l.appended <> i.count`,
  },
  {
    tables: ['note'],
    query: `select 'note ' || mark || ' is there ' || count(*) || ' times and says ' || min(copies) || ' to ' || max(copies)
       from public.note group by mark having count(*) <> min(copies) or min(copies) <> max(copies)`,
  },
  {
    tables: ['stage'],
    query: `select 'the stage has ' || count(*) || ' rows of ' || min(total) || ', generations ' || min(generation) || ' to ' || max(generation)
       from public.stage
     having count(*) > 0 and (min(generation) <> max(generation) or count(*) <> min(total) or min(total) <> max(total))`,
  },
  {
    tables: ['bulk'],
    query: `select 'bulk has ' || count(*) || ' rows of rounds ' || min(round) || ' to ' || max(round) from public.bulk
     having count(*) <> ${BULK_ROWS} or min(round) <> max(round)`,
  },
  {
    tables: ['moved'],
    query: `select 'moved has ' || count(*) || ' rows, ' || count(distinct payload) || ' payloads' from public.moved
     having count(*) <> ${MOVED_ROWS} or count(distinct payload) <> ${MOVED_ROWS} or max(payload) <> ${MOVED_ROWS}`,
  },
  {
    // Rows go from partition to partition, and weight from row to row.
    tables: ['parcel'],
    query: `select count(*) || ' parcels, ' || count(distinct id) || ' of them different, weigh ' || sum(weight) from public.parcel
     having count(*) <> ${PARCELS} or count(distinct id) <> ${PARCELS} or sum(weight) <> ${PARCELS * PARCEL_WEIGHT}`,
  },
  {
    tables: ['wide'],
    query: `select 'wide ' || id || ' has another body' from public.wide where md5(body) <> sum`,
  },
];

export interface Look {
  /** What does not hold. */
  readonly violations: readonly string[];
  /** How many invariants were looked at: those whose tables are all in sync. */
  readonly checked: number;
}

const LOCK_TIMEOUT = '500ms';

/**
 * Looks at all invariants in one snapshot; those of tables that are being copied are left out. Throws when the node cannot be read,
 * or somebody has a table for longer than half a second.
 */
export async function lookAtInvariants(connection: Connection, queueName: string): Promise<Look> {
  return connection.transaction(async (tx) => {
    // Before the snapshot is taken: TRUNCATE can be seen in older ones.
    await tx.execute(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
    await tx.execute(
      `lock table ${WORKLOAD_TABLES.map((table) => `public.${table}`).join(', ')} in access share mode`,
    );
    const states = await tx.query<{ name: string }>(
      `select table_name as name from londiste.table_info where queue_name = $1 and local and merge_state = 'ok'`,
      [queueName],
    );
    const inSync = new Set(states.map(({ name }) => name));
    const looked = INVARIANTS.filter(({ tables }) => tables.every((table) => inSync.has(`public.${table}`)));
    if (looked.length === 0) return { violations: [], checked: 0 };
    const parts = looked.map(({ query }) => `(select * from (${query}) as found (text) limit 3)`);
    const found = await tx.query<{ text: string }>(parts.join(' union all '));
    return { violations: found.map(({ text }) => text), checked: looked.length };
  }, 'begin isolation level repeatable read');
}
