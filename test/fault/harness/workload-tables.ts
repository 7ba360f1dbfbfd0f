export const ACCOUNTS = 50;
export const KEYS = 8;
export const BULK_ROWS = 150;
export const MOVED_ROWS = 60;
export const PARCELS = 30;
export const PARCEL_WEIGHT = 10;
/** Each is a partition. */
export const REGIONS = ['north', 'south', 'transit'] as const;

/** The tables of the workload, parents before children. */
export const WORKLOAD_TABLES = [
  'account',
  'ledger',
  'purchase',
  'purchase_line',
  'list_head',
  'list_item',
  'note',
  'stage',
  'bulk',
  'moved',
  'wide',
  'parcel',
] as const;

export type WorkloadTable = (typeof WORKLOAD_TABLES)[number];

/** The columns that get their values from a sequence. */
export const NUMBERED_COLUMNS = [
  { sequence: 'public.ledger_id_seq', table: 'ledger', column: 'id' },
  { sequence: 'public.purchase_id_seq', table: 'purchase', column: 'id' },
] as const;

/** Of each table, a column for an index more. */
export const FIRST_COLUMNS: Readonly<Record<WorkloadTable, string>> = {
  account: 'id',
  ledger: 'id',
  purchase: 'id',
  purchase_line: 'purchase_id',
  list_head: 'key',
  list_item: 'key',
  note: 'mark',
  stage: 'generation',
  bulk: 'id',
  moved: 'id',
  wide: 'id',
  parcel: 'id',
};

/** What an application has: `invariants.ts` says what holds of it in every committed state. */
export const WORKLOAD_SCHEMA = `
  create table public.account (id int primary key, balance numeric(20, 2) not null, note text);
  create table public.ledger (id bigserial, mark bigint primary key, previous bigint, appended int not null);
  create index ledger_previous on public.ledger (previous);
  create table public.purchase (id bigint generated always as identity primary key, line_count int not null);
  create table public.purchase_line (purchase_id bigint references public.purchase on delete cascade, line int, v text,
    primary key (purchase_id, line));
  create table public.list_head (key int primary key, length int not null);
  create table public.list_item (key int, n int, v text not null, primary key (key, n));
  create table public.note (mark bigint not null, copies int not null, text text);
  create table public.stage (generation bigint not null, n int not null, total int not null, primary key (generation, n));
  create table public.bulk (id int primary key, round bigint not null, filling text);
  create table public.moved (id bigint primary key, payload int not null);
  create table public.wide (id bigint primary key, sum text not null, body text not null);
  create table public.parcel (region text not null, id int not null, weight int not null) partition by list (region);
  ${REGIONS.map((region) => `create table public.parcel_${region} partition of public.parcel for values in ('${region}')`).join(';')}`;

export const WORKLOAD_ROWS = `
  insert into public.account select g, 100, null from generate_series(1, ${ACCOUNTS}) as g;
  insert into public.list_head select g, 0 from generate_series(1, ${KEYS}) as g;
  insert into public.bulk select g, 0, repeat(md5(g::text), 10) from generate_series(1, ${BULK_ROWS}) as g;
  insert into public.moved select g, g from generate_series(1, ${MOVED_ROWS}) as g;
  insert into public.parcel select '${REGIONS[0]}', g, ${PARCEL_WEIGHT} from generate_series(1, ${PARCELS}) as g`;

/** Back to little data, in one transaction that is replicated like any other. The invariants hold before and after. */
export const WORKLOAD_RESET = `
  truncate public.ledger, public.list_item, public.note, public.stage;
  update public.list_head set length = 0;
  delete from public.purchase;
  delete from public.wide;`;
